#!/bin/sh
# Makes the certificates with which nats-servers and meshd nodes know each other:
#
#   certificates.sh DIRECTORY HOST...
#
#   DIRECTORY/ca.pem, ca-key.pem      the authority of these connections alone, not the mesh's; kept if it is there
#   DIRECTORY/HOST.pem, HOST-key.pem  for the nats-server and the meshd on that host: as server and as client
#
# HOST is a DNS name or an IP address, as the other hosts write it. Run it again for a new host, or 30 days before the
# year of a certificate is over (openssl x509 -enddate -noout -in HOST.pem); then reload nats-server, restart meshd.
set -eu
umask 077
[ $# -ge 2 ] || { echo "usage: certificates.sh DIRECTORY HOST..." >&2; exit 64; }
directory=$1
shift
mkdir -p "$directory"
cd "$directory"

if [ ! -f ca-key.pem ]; then
  openssl ecparam -name prime256v1 -genkey -noout -out ca-key.pem
  openssl req -x509 -new -key ca-key.pem -sha256 -days 3650 -subj "/CN=Weft NATS authority" -out ca.pem \
    -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign
fi

for host in "$@"; do
  case $host in
    *[!0-9.]* ) case $host in *:*) name="IP:$host" ;; *) name="DNS:$host" ;; esac ;;
    * ) name="IP:$host" ;;
  esac
  extensions=$(mktemp)
  printf '%s\n' "subjectAltName=$name,DNS:localhost,IP:127.0.0.1" "basicConstraints=critical,CA:FALSE" \
    "keyUsage=critical,digitalSignature" "extendedKeyUsage=serverAuth,clientAuth" > "$extensions"
  openssl ecparam -name prime256v1 -genkey -noout -out "$host-key.pem"
  openssl req -new -key "$host-key.pem" -subj "/CN=$host" |
    openssl x509 -req -sha256 -days 365 -CA ca.pem -CAkey ca-key.pem -CAcreateserial -extfile "$extensions" -out "$host.pem" 2>/dev/null
  rm -f "$extensions"
done
chmod 644 ./*.pem
chmod 600 ./*-key.pem

#!/bin/sh
# Makes the certificates with which nats-servers and meshd nodes know each other:
#
#   certificates.sh DIRECTORY HOST...
#
#   DIRECTORY/ca.pem, ca-key.pem      the authority of these connections alone, not the mesh's; kept if it is there
#   DIRECTORY/HOST.pem, HOST-key.pem  for the nats-server that the others call HOST, or for the meshd of that name
#
# HOST is a DNS name as the configuration writes it: nats-0.weft.internal. nats-servers let in as one of them only who
# shows a certificate of such a name, so a meshd gets a name and a certificate of its own: meshd-0. Run it again for a
# new host, or 30 days before the year of a certificate is over; docs/operations.md says what to do then.
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
  printf '%s\n' "subjectAltName=$name" "basicConstraints=critical,CA:FALSE" \
    "keyUsage=critical,digitalSignature" "extendedKeyUsage=serverAuth,clientAuth" > "$extensions"
  openssl ecparam -name prime256v1 -genkey -noout -out "$host-key.pem"
  openssl req -new -key "$host-key.pem" -subj "/CN=$host" |
    openssl x509 -req -sha256 -days 365 -CA ca.pem -CAkey ca-key.pem -CAcreateserial -extfile "$extensions" -out "$host.pem" 2>/dev/null
  rm -f "$extensions"
done
chmod 644 ./*.pem
chmod 600 ./*-key.pem

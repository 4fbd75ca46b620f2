#!/bin/sh
# Makes the secrets of one Weft cluster, all nodes alike; refuses a directory that has some.
#
#   secrets.sh DIRECTORY
#
#   DIRECTORY/passwords.conf   for every nats-server: the passwords of its users
#   DIRECTORY/nats.json        for every meshd: its own account and the system account's
#   DIRECTORY/restore.json     the same with the account that a restore needs; put in nats.json's place for one
#   DIRECTORY/authority.key    for every meshd: seals the certificate authority's keys. Without it no backup brings back
#                              the mesh's root: keep a copy where no store and no backup is
#   DIRECTORY/api.token        for every meshd, and for whoever may use meshctl (MESHCTL_TOKEN_FILE): the whole of the API
#   DIRECTORY/backup.key       for `meshctl backup --key-file`: keep a copy where no backup is
set -eu
umask 077
[ $# -eq 1 ] || { echo "usage: secrets.sh DIRECTORY" >&2; exit 64; }
mkdir -p "$1"
cd "$1"
for file in passwords.conf nats.json restore.json authority.key api.token backup.key; do
  [ ! -e "$file" ] || { echo "$file exists in $1: nothing was changed" >&2; exit 1; }
done

meshd=$(openssl rand -hex 24)
restore=$(openssl rand -hex 24)
system=$(openssl rand -hex 24)
printf '%s: "%s"\n' MESHD_PASSWORD "$meshd" RESTORE_PASSWORD "$restore" SYSTEM_PASSWORD "$system" > passwords.conf
own="\"user\":\"meshd\",\"pass\":\"$meshd\",\"system\":{\"user\":\"system\",\"pass\":\"$system\"}"
printf '{%s}\n' "$own" > nats.json
printf '{%s,"restore":{"user":"restore","pass":"%s"}}\n' "$own" "$restore" > restore.json
openssl rand -base64 32 > authority.key
openssl rand -hex 32 > api.token
openssl rand -base64 32 > backup.key

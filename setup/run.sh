#!/bin/sh
# Every entry point: does what set-up is missing, then becomes the program.
#
#   sh setup/run.sh                     set-up alone
#   sh setup/run.sh meshctl ARGS…       a program (also meshd, mesh-agent) from its source
#   sh setup/run.sh test|check|…        a task of the checkout
#
# The usual case, nothing missing, must cost milliseconds: it is answered here by asking whether any input is newer than what
# set-up wrote last and whether the tools are still there. Only else is Node started to look closely.

set -eu
root=$(cd "$(dirname "$0")/.." && pwd -P)
weft=$root/node_modules/.weft

is_ready() {
  [ -x "$weft/bin/node" ] && [ -x "$weft/bin/envoy" ] && [ -x "$weft/bin/nats-server" ] && [ -e "$weft/state" ] &&
    [ -e "$root/generated/.inputs" ] && [ -e "$root/node_modules/.bin/meshctl" ] &&
    [ -z "$(find "$root/package-lock.json" "$root/setup" -newer "$weft/state" -print)" ]
}

# In the background, so that a signal to this shell reaches set-up, which then leaves nothing behind.
set_up() {
  command -v node >/dev/null || {
    echo "weft set-up: Node 18 or later is needed to start, with npm" >&2
    exit 1
  }
  node "$root/setup/ensure.mjs" &
  pid=$!
  stopped=no
  trap 'stopped=yes; kill -TERM $pid 2>/dev/null' INT TERM HUP
  status=0
  wait $pid || status=$?
  if [ $stopped = yes ]; then
    wait $pid || : # the signal only ended the first wait
    exit 143
  fi
  trap - INT TERM HUP
  [ "$status" -eq 0 ] || exit "$status"
}

# run_program MODULE ARGS…: becomes a program of Weft. Told of the cache by its environment, Node finds there even what it
# makes of the first module, and need not load its type eraser: 30 ms. The program takes the word out again (platform/start.ts).
run_program() {
  module=$1
  shift
  [ -z "${HOME-}" ] || export NODE_COMPILE_CACHE="${NODE_COMPILE_CACHE-${XDG_CACHE_HOME:-$HOME/.cache}/weft/compiled}"
  # As platform/installation.ts says.
  [ "$module" != meshd/main ] || exec "$node" --max-semi-space-size=16 --v8-pool-size=0 "$root/src/$module.ts" "$@"
  exec "$node" "$root/src/$module.ts" "$@"
}

# run_named FOLDER NAME ARGS…: becomes the program NAME of that folder.
run_named() {
  folder=$1
  name=${2-}
  if [ -n "$name" ] && [ -f "$folder/$name.ts" ]; then
    shift 2
    exec "$node" "$folder/$name.ts" "$@"
  fi
  echo "weft: $folder has no program \"$name\"; it has:" >&2
  (cd "$folder" 2>/dev/null && ls | sed -n 's/\.ts$//p') >&2 || :
  exit 64
}

is_ready || set_up
[ $# -gt 0 ] || exit 0
task=$1
shift
node=$weft/bin/node
case $task in
  meshctl) run_program cli/main "$@" ;;
  meshd) run_program meshd/main "$@" ;;
  mesh-agent) run_program agent/main "$@" ;;
  test) exec "$node" "$root/test/run.mjs" "$@" ;;
  sim) run_named "$root/test/simulation" main "$@" ;;
  chaos | bench) run_named "$root/$task" "$@" ;;
  check | build | format) exec "$node" "$root/setup/tasks/$task.mjs" "$@" ;;
  *)
    echo "weft: there is no task $task" >&2
    exit 64
    ;;
esac

#!/bin/bash
# The web server of a site: php -S with four workers. Brings the database up too where it is down.
# usage: web.sh up|down DIR SITE
# CIVISHARE_SO, when set, is the native module to load. `up` begins anew where the module has changed since.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

up() {
  local dir=$1 site=$2 home=$1/$2 port mark module=()
  mark=$(module_mark)
  if is_running "$home/run/web.pid" && [ "$mark" = "$(cat "$home/run/web.module")" ]; then return 0; fi
  # Where the first process was killed, its workers still hold the port.
  down "$dir" "$site"
  "$HOST_SCRIPTS/db.sh" up "$dir"
  port=$(web_port "$dir" "$site")
  if port_is_taken "$port"; then die "port $port is taken by another program"; fi
  if [ -n "$mark" ]; then module=(-d "extension=$(realpath "$CIVISHARE_SO")"); fi
  PHP_INI_SCAN_DIR=:$home/php.d PHP_CLI_SERVER_WORKERS=4 spawn "$home/run/web.pid" "$home/log/web.log" \
    "$PHP" -c "$home/php.ini" -d display_errors=0 -d log_errors=1 "${module[@]}" \
    -S "127.0.0.1:$port" -t "$home/web" "$home/router.php"
  echo "$mark" >"$home/run/web.module"
  wait_for_port "$port" "$home/run/web.pid" "$home/log/web.log"
}

down() {
  stop_group "$1/$2/run/web.pid" "$1/$2"
}

serve "$@"

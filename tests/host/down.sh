#!/bin/bash
# Ends what up.sh, fpm.sh and the sites' own commands have started for a host, and nothing else. The host stays, and
# up.sh brings it back.
# usage: down.sh [--purge] DIR      --purge removes the host as well
set -euo pipefail
. "$(dirname "$0")/lib.sh"

main() {
  local purge='' dir site
  if [ "${1:-}" = --purge ]; then purge=1 && shift; fi
  [ $# = 1 ] || die "usage: down.sh [--purge] DIR"
  dir=$(host_dir "$1")
  [ -d "$dir" ] || exit 0
  # The only folders that --purge may remove.
  [ -f "$dir/host.conf" ] || die "$dir is not a host"
  lock "$dir"
  load_host "$dir"
  for site in $(host_sites "$dir"); do
    "$HOST_SCRIPTS/fpm.sh" down "$dir" "$site"
    "$HOST_SCRIPTS/web.sh" down "$dir" "$site"
  done
  "$HOST_SCRIPTS/db.sh" down "$dir"
  if [ -n "$purge" ]; then
    case $DB_SOCKET in /tmp/civishare-*/socket) rm -rf "$(dirname "$DB_SOCKET")" ;; esac
    rm -rf "$dir"
  fi
}

main "$@"

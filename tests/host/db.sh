#!/bin/bash
# The database server of a host: one MariaDB for all its sites, as the user mysql where root starts it.
# usage: db.sh up|down DIR      both do nothing where nothing is to do; after a SIGKILL, up starts it again
# CIVISHARE_DB_FLUSH=1 makes every commit reach the disk. By default it reaches only the operating system within a
# second, which loses nothing when the process is killed and makes tests much faster.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

# mysql may be unable to enter a folder below root's home.
db_user() {
  if [ "$(id -u)" != 0 ]; then
    id -un
  elif runuser -u mysql -- test -x "$1"; then
    echo mysql
  else
    echo root
  fi
}

create_datadir() {
  mkdir -p "$1/db"
  if [ -d "$CIVISHARE_DATADIR" ]; then
    cp -a --reflink=auto "$CIVISHARE_DATADIR/." "$1/db/"
  else
    mariadb-install-db --no-defaults --user="$2" --datadir="$1/db" --auth-root-authentication-method=normal \
      --skip-test-db --skip-log-bin >"$1/db.log" 2>&1 || { tail "$1/db.log" >&2; die "mariadb-install-db failed"; }
  fi
  if [ "$(id -u)" = 0 ]; then chown -R "$2" "$1/db"; fi
}

# A socket's folder under /tmp may have been swept away meanwhile.
prepare_socket() { # DIR USER
  case $DB_SOCKET in "$1/"*) return ;; esac
  mkdir -p "$(dirname "$DB_SOCKET")"
  if [ "$(id -u)" = 0 ]; then chown "$2" "$(dirname "$DB_SOCKET")"; fi
}

# A server that starts removes all temporary tables in its folder for them: in a shared one, those of the others too.
prepare_tmpdir() { # DIR USER
  mkdir -p "$1/db.tmp"
  if [ "$(id -u)" = 0 ]; then chown "$2" "$1/db.tmp"; fi
}

up() {
  local dir=$1 user _
  if is_running "$dir/db.pid"; then return; fi
  user=$(db_user "$dir")
  [ -d "$dir/db/mysql" ] || create_datadir "$dir" "$user"
  prepare_socket "$dir" "$user"
  prepare_tmpdir "$dir" "$user"
  spawn "$dir/db.pid" "$dir/db.log" mariadbd --no-defaults --user="$user" --datadir="$dir/db" --socket="$DB_SOCKET" \
    --tmpdir="$dir/db.tmp" --port="$PORT_BASE" --bind-address=127.0.0.1 --skip-name-resolve --skip-log-bin --pid-file="$dir/db/mariadbd.pid" \
    --innodb-flush-log-at-trx-commit="${CIVISHARE_DB_FLUSH:-0}" --innodb-log-file-size=32M --max-connections=300
  for _ in $(seq 600); do
    is_running "$dir/db.pid" || { tail -n 5 "$dir/db.log" >&2; die "MariaDB did not come up (log: $dir/db.log)"; }
    if mariadb-admin --no-defaults --socket="$DB_SOCKET" --user=root ping >/dev/null 2>&1; then return; fi
    sleep 0.05
  done
  die "MariaDB did not answer in 30 s (log: $dir/db.log)"
}

main() {
  [ $# = 2 ] || die "usage: db.sh up|down DIR"
  local dir
  dir=$(host_dir "$2")
  : "${CIVISHARE_DATADIR:=}"
  load_host "$dir"
  # Two sites may be started at once.
  exec 8>"$dir/.db.lock"
  flock 8
  case $1 in
    up) up "$dir" ;;
    down) stop_group "$dir/db.pid" "$dir" ;;
    *) die "usage: db.sh up|down DIR" ;;
  esac
}

main "$@"

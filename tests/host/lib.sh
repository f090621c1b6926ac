# What the scripts of this folder share; sourced, never run.
# A host is a folder: one database server, and a folder for each CiviCRM site. Every process of it has a pid file.
# shellcheck shell=bash

# shellcheck disable=SC2034 # used by those who source this
HOST_SCRIPTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/civishare
# shellcheck disable=SC2034
PHP=php8.2
# Where Debian has its servers; a plain user's shell does not look there.
PATH=$PATH:/usr/sbin

die() {
  echo "${0##*/}: $*" >&2
  exit 1
}

note() {
  echo "${0##*/}: $*" >&2
}

# The folder of a host, absolute. It ends up in shell commands, php.ini and nginx' configuration, and each would
# need another kind of quoting: so such a path is refused instead.
host_dir() {
  local dir
  dir=$(realpath -m -- "$1")
  case $dir in
    *[!A-Za-z0-9/._+@-]*) die "a path with white space or special characters will not do: $dir" ;;
  esac
  echo "$dir"
}

check_site_name() {
  [[ $1 =~ ^[a-z][a-z0-9]{0,15}$ ]] || die "a site's name is up to 16 small letters and digits, not '$1'"
}

# Sites of a host in the order of their creation; a line number here is a site's place in the port block.
host_sites() {
  if [ -f "$1/sites" ]; then cat "$1/sites"; fi
}

port_is_taken() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# ---- processes ----
# A pid file holds the number alone, so that a test can read it; "<file>.start" holds the start time (in clock ticks
# since boot), by which a number that was given to another process later is recognised.

# Prints one field of /proc/PID/stat, counted behind the command's name: 1 state, 3 group, 20 start time.
stat_field() {
  local stat fields
  { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
  read -ra fields <<<"${stat##*) }"
  echo "${fields[$2 - 1]}"
}

# Starts a command as the leader of its own session: a Ctrl-C at the terminal does not reach it, and all that it
# forks can be found by its group. It works in the pid file's folder, which says whose it is. 8 and 9 are the locks
# that the scripts hold.
spawn() { # PIDFILE LOG COMMAND…
  local pidfile=$1 log=$2 pid
  shift 2
  (cd "$(dirname "$pidfile")" && exec setsid "$@") </dev/null >>"$log" 2>&1 8>&- 9>&- &
  pid=$!
  stat_field "$pid" 20 >"$pidfile.start"
  echo "$pid" >"$pidfile"
}

# The processes behind a pid file: the leader if it is the one that was started, and its group. Where the leader has
# been killed, the number could by now be that of another group; so what is left counts only where its command line or
# its working folder names the site's folder.
group_members() { # PIDFILE FOLDER
  local pidfile=$1 folder=$2 pid start now member
  [ -s "$pidfile" ] && [ -s "$pidfile.start" ] || return 0
  pid=$(<"$pidfile") start=$(<"$pidfile.start")
  if now=$(stat_field "$pid" 20) && [ "$now" != "$start" ]; then return 0; fi
  # A process may end between the listing and the reading.
  { cat /proc/[0-9]*/stat 2>/dev/null || true; } |
    awk -v group="$pid" '{ pid = $1; sub(/^.*\) /, ""); if ($3 == group && $1 != "Z") print pid }' |
    while read -r member; do
      if [ -n "$now" ] || names_folder "$member" "$folder"; then echo "$member"; fi
    done
}

names_folder() { # PID FOLDER
  { tr '\0' ' ' <"/proc/$1/cmdline" && echo " $(readlink "/proc/$1/cwd")/"; } 2>/dev/null | grep -qF -- " $2/"
}

is_running() { # PIDFILE
  local pid stat
  [ -s "$1" ] && [ -s "$1.start" ] || return 1
  pid=$(<"$1")
  stat=$(stat_field "$pid" 20) && [ "$stat" = "$(<"$1.start")" ] && [ "$(stat_field "$pid" 1)" != Z ]
}

# Ends the group behind a pid file: asks, waits up to 20 s, then kills.
stop_group() { # PIDFILE FOLDER
  local pidfile=$1 folder=$2 members tick
  for tick in $(seq 0 400); do
    members=$(group_members "$pidfile" "$folder")
    [ -n "$members" ] || break
    # shellcheck disable=SC2086 # one word a process
    if [ "$tick" = 0 ]; then kill -TERM $members 2>/dev/null || true; fi
    # shellcheck disable=SC2086
    if [ "$tick" = 400 ]; then kill -KILL $members 2>/dev/null || true; fi
    sleep 0.05
  done
  rm -f "$pidfile" "$pidfile.start"
}

# Waits until a port answers, or says why the process behind the pid file has ended.
wait_for_port() { # PORT PIDFILE LOG
  local _
  for _ in $(seq 400); do
    is_running "$2" || { tail -n 5 "$3" >&2; die "nothing came up on port $1 (log: $3)"; }
    if port_is_taken "$1"; then return 0; fi
    sleep 0.05
  done
  die "port $1 did not answer in 20 s (log: $3)"
}

# One script at a time works on a host, or on the cache.
lock() {
  mkdir -p "$1"
  exec 9>"$1/.lock"
  flock -w 900 9 || die "another script is at work in $1"
}

# ---- the host's own settings ----

# Ports: a block of 30 (0 the database, then three a site: php -S, nginx, php-fpm), chosen once. Where the search
# begins depends on the path, so that two hosts do not choose the same block while one of them is down; it stays below
# the range from which Linux takes outgoing ports.
choose_ports() {
  local start block port free
  start=$(($(cksum <<<"$1" | cut -d' ' -f1) % 400))
  for block in $(seq "$start" $((start + 399))); do
    block=$((20000 + block % 400 * 30)) free=1
    for port in $(seq "$block" $((block + 29))); do
      if port_is_taken "$port"; then free= && break; fi
    done
    if [ -n "$free" ]; then echo "$block" && return; fi
  done
  die "no free ports"
}

# A socket's path has room for 107 bytes. It lies in a folder that the database's user owns.
choose_socket() {
  if [ "${#1}" -le 90 ]; then echo "$1/db/socket"; else echo "$(mktemp -d /tmp/civishare-XXXXXX)/socket"; fi
}

# Sets PORT_BASE and DB_SOCKET, both remembered in the host's folder.
load_host() {
  if [ ! -f "$1/host.conf" ]; then
    mkdir -p "$1"
    local ports socket
    ports=$(choose_ports "$1")
    socket=$(choose_socket "$1")
    printf 'PORT_BASE=%s\nDB_SOCKET=%s\n' "$ports" "$socket" >"$1/host.conf"
  fi
  # shellcheck source=/dev/null
  . "$1/host.conf"
}

site_number() { # DIR SITE
  host_sites "$1" | grep -nx -- "$2" | cut -d: -f1
}

# Which of a site's three ports: 1 php -S, 2 nginx, 3 php-fpm.
site_port() { # DIR SITE WHICH
  echo $((PORT_BASE + 3 * $(site_number "$1" "$2") - 3 + $3))
}

web_port() { # DIR SITE
  site_port "$1" "$2" 1
}

fpm_port() { # DIR SITE
  site_port "$1" "$2" 2
}

# Which native module a server is to load, so that one that runs with another, or with an older build, is noticed.
module_mark() {
  [ -n "${CIVISHARE_SO:-}" ] || return 0
  [ -r "$CIVISHARE_SO" ] || die "CIVISHARE_SO: there is no $CIVISHARE_SO"
  stat -L -c "$(realpath "$CIVISHARE_SO") %i %Y" "$CIVISHARE_SO"
}

sql() { # [mariadb option…], as the database's root
  mariadb --no-defaults --socket="$DB_SOCKET" --user=root "$@"
}

# What a script of one of a site's servers does, which has the functions `up` and `down`.
serve() { # up|down DIR SITE
  local dir
  [ $# = 3 ] || die "usage: $(basename "$0") up|down DIR SITE"
  dir=$(host_dir "$2")
  host_sites "$dir" | grep -qx -- "$3" || die "$dir has no site $3"
  load_host "$dir"
  case $1 in
    up | down) "$1" "$dir" "$3" ;;
    *) die "usage: $(basename "$0") up|down DIR SITE" ;;
  esac
}

#!/bin/bash
# The end-to-end tests on two real CiviCRM sites.
# usage: run.sh A.env B.env [phpunit options…]      e.g. --filter LoopTest
# CIVISHARE_SO is the native module to test, CIVISHARE_EXT another copy of the extension than the repository's.
# Starts the sites' servers, runs the tests, and stops what it started, whatever happens.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
php=${PHP:-php8.2}

die() {
  echo "run.sh: $*" >&2
  exit 2
}

# Runs a command that the env file names, or does nothing if it names none.
site() { # ENV-FILE VARIABLE
  (
    # shellcheck source=/dev/null
    . "$1"
    command=${!2:-}
    [ -z "$command" ] || sh -c "$command"
  )
}

value() { # ENV-FILE VARIABLE
  (
    # shellcheck source=/dev/null
    . "$1"
    echo "${!2:-}"
  )
}

stop() {
  local file command
  for file in "${sites[@]}"; do
    for command in SITE_FPM_DOWN SITE_DOWN; do site "$file" $command || true; done
  done
  for file in "${sites[@]}"; do site "$file" SITE_DB_DOWN || true; done
}

warnings() { # prints what PHP has warned of in our own files
  local file log
  for file in "${sites[@]}"; do
    log=$(value "$file" SITE_WARNINGS)
    if [ -n "$log" ] && [ -s "$log" ]; then sed "s/^/$(value "$file" SITE_NAME): /" "$log"; fi
  done
}

[ $# -ge 2 ] || die "usage: run.sh A.env B.env [phpunit options…]"
sites=("$(realpath "$1")" "$(realpath "$2")")
shift 2
[ -n "${CIVISHARE_SO:-}" ] || die "CIVISHARE_SO must name the native module, such as target/release/libcivishare.so"
CIVISHARE_SO=$(realpath "$CIVISHARE_SO")
export CIVISHARE_SO SITES="${sites[*]}"
phpunit=$(command -v phpunit) || die "phpunit is missing (Debian package phpunit)"
results=$(mktemp -d)
trap 'stop; rm -rf "$results"' EXIT

for file in "${sites[@]}"; do
  log=$(value "$file" SITE_WARNINGS)
  if [ -n "$log" ]; then rm -f "$log"; fi
  site "$file" SITE_UP
done

status=0
"$php" -d "extension=$CIVISHARE_SO" "$phpunit" -c "$here/phpunit.xml" --log-junit "$results/junit.xml" "$@" || status=$?
if [ -s "$results/junit.xml" ]; then "$php" "$here/summary.php" "$results/junit.xml"; fi
found=$(warnings)
if [ -n "$found" ]; then
  printf 'PHP warnings of our own files:\n%s\n' "$found" >&2
  [ "$status" != 0 ] || status=1
fi
exit "$status"

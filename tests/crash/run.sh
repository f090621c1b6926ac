#!/bin/bash
# Kills what it can on two real, linked sites under load, and looks afterwards whether anything was lost, doubled or made up.
# usage: run.sh KILLS A.env B.env      CIVISHARE_SO is the native module. CIVISHARE_CRASH_SEED=N makes the choices of an
#                                      earlier run again (not its timing); CIVISHARE_CRASH_ONLY=WORD runs the tests so named.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[ $# = 3 ] || {
  echo 'usage: run.sh KILLS A.env B.env' >&2
  exit 64
}
: "${CIVISHARE_SO:=$here/../../target/release/libcivishare.so}"
export CIVISHARE_SO
# A commit has to outlive the server's process: what the database itself forgets, nobody can share.
export CIVISHARE_DB_FLUSH=${CIVISHARE_DB_FLUSH:-2}
export SITES="$2 $3"
exec php "$here/crash.php" "$1"

#!/bin/bash
# A night's worth: what `make test` does in small, in large. Ends like tests/run.sh.
set -uo pipefail
cd "$(dirname "$0")/.."
export CIVISHARE_SIM_SEEDS=${CIVISHARE_SIM_SEEDS:-0..9999} CIVISHARE_KILLS=${CIVISHARE_KILLS:-200} CIVISHARE_SOAK=1 CIVISHARE_VALGRIND=${CIVISHARE_VALGRIND:-1000} CIVISHARE_MANY=${CIVISHARE_MANY:-1000} \
  CIVISHARE_EDITS=${CIVISHARE_EDITS:-5000}
tests/run.sh "${@:-rust phpt valgrind e2e crash bite fuzz}"

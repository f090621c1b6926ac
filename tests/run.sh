#!/bin/bash
# Runs every suite and ends with how many tests passed, failed and were skipped over all of them.
# usage: run.sh [SUITE…]      suites: lint rust phpt valgrind e2e crash, which is all without one; bite and fuzz in a soak.
# CIVISHARE_SO is the native module.
set -uo pipefail
cd "$(dirname "$0")/.."
: "${CIVISHARE_SO:=$PWD/target/release/libcivishare.so}"
export CIVISHARE_SO
passed=0 failed=0 skipped=0
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

lint() { make --no-print-directory lint; }
rust() { cargo test --locked --workspace --no-fail-fast; }
phpt() { tests/phpt/run.sh "$CIVISHARE_SO"; }
valgrind() { tests/valgrind/run.sh "${CIVISHARE_VALGRIND:-10}" ${CIVISHARE_SOAK:+all}; }
# In lanes side by side, as a test waits for one process at a time; each lane has an installation, and sites, of its own.
# StoreTroubleTest and ResyncTest need them: they send everything anew, and of what TypesTest leaves some waits for references
# that never come; ResyncTest ends with a site that is a copy.
e2e() (
  apart='(StoreTrouble|Resync)Test'
  second='(RandomEdits|Batch|Cost|Loop|Permission|Rotation|Conflict|Reshape|Identity|Letter|Security|Install)Test'
  set -m # a process group for each lane, so that it can be ended with all that it started
  lane() { # NAME FILTER
    tests/host/with.sh "target/$1" tests/suite.sh "$2" >"$logs/.$1" 2>&1 &
    pids+=($!) names+=("$1")
  }
  pids=() names=() status=0
  trap 'for pid in "${pids[@]}"; do kill -- "-$pid" 2>/dev/null; done; wait; exit 130' INT TERM
  lane e2e "/^(?!.*($apart|$second))/"
  lane e2e-second "/$second/"
  lane resync "/$apart/"
  for lane in "${!pids[@]}"; do
    wait "${pids[lane]}" || status=1
    echo "--- ${names[lane]}"
    cat "$logs/.${names[lane]}"
  done
  exit "$status"
)
crash() { tests/host/with.sh target/crash tests/crash/run.sh "${CIVISHARE_KILLS:-10}"; }
bite() { tests/simulation/bite.sh; }
fuzz() { fuzz/run.sh "${CIVISHARE_FUZZ_SECONDS:-30}"; }

# Every suite says its numbers in one of two forms: cargo's, or «N passed, N failed, N skipped» alone on a line.
count() { # LOG
  sed -nE \
    -e 's/^test result: .* ([0-9]+) passed; ([0-9]+) failed; ([0-9]+) ignored.*/\1 \2 \3/p' \
    -e 's/^([0-9]+) passed, ([0-9]+) failed(, ([0-9]+) skipped)?( in [0-9]+ s)?$/\1 \2 \4/p' "$1" |
    awk '{ p += $1; f += $2; s += $3 } END { print p + 0, f + 0, s + 0 }'
}

for suite in "${@:-lint rust phpt valgrind e2e crash}"; do
  for suite in $suite; do
    echo "=== $suite"
    "$suite" 2>&1 | tee "$logs/$suite"
    status=${PIPESTATUS[0]}
    read -r p f s < <(count "$logs/$suite")
    # A suite that broke off before it could count is a failure of its own; one that ran no test is no success.
    if [ "$f" = 0 ] && { [ "$status" != 0 ] || [ "$p" = 0 ]; }; then
      f=1
      echo "=== $suite ended with status $status after $p tests"
    fi
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    printf '=== %s: %d passed, %d failed, %d skipped\n' "$suite" "$p" "$f" "$s"
  done
done

# Whoever sees only the end of all this must know what to look for.
echo
for log in "$logs"/*; do
  grep -hE '^(FAILED|BORKED|WARNED|LEAKED|SKIPPED) |^test .*(FAILED|ignored)|^error(:|\[)' "$log" | cut -c -300 | sed "s/^/${log##*/}: /" | head -n 40
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]

#!/bin/bash
# The native module under valgrind, with the C library's allocator in place of PHP's: every access valid, and no call that
# leaves memory behind. usage: run.sh TIMES [all]      TIMES: how often each call is made, and then twice as often; all:
# the .phpt tests, too. CIVISHARE_SO is the native module.
set -uo pipefail
cd "$(dirname "$0")/../.."
: "${CIVISHARE_SO:=$PWD/target/release/libcivishare.so}"
times=$1
php=${PHP:-$(command -v php8.2 || command -v php)}
work=$(mktemp -d)
# Memory, where there is such a place: a store waits for the disk after each call.
[ ! -w /dev/shm ] || export TMPDIR=/dev/shm
modules=(-n -d "extension=posix" -d "extension=$CIVISHARE_SO")
passed=0 failed=0

"$php" "${modules[@]}" tests/valgrind/peer.php >"$work/url" 2>"$work/peer" &
peer=$!
trap 'kill "$peer" 2>/dev/null; wait "$peer" 2>/dev/null; rm -rf "$work"' EXIT
for _ in $(seq 100); do [ -s "$work/url" ] && break; sleep 0.1; done

# The bytes that nothing points to any more at the end of a run.
lost() { # TIMES
  USE_ZEND_ALLOC=0 ZEND_DONT_UNLOAD_MODULES=1 valgrind --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=none \
    --error-exitcode=99 --log-file="$work/log.$1" \
    "$php" "${modules[@]}" -d pcre.jit=0 tests/valgrind/calls.php "$1" "$(cat "$work/url")" >"$work/out.$1" 2>&1
  local status=$?
  cat "$work/out.$1" >&2
  if [ "$status" != 0 ]; then
    grep -v 'are definitely lost\|LEAK SUMMARY' "$work/log.$1" | head -n 80 >&2
    return 1
  fi
  # Without any block in use there is no summary.
  sed -nE 's/.*definitely lost: ([0-9,]+) bytes.*/\1/p' "$work/log.$1" | tr -d , | grep . || echo 0
}

if once=$(lost "$times") && twice=$(lost $((2 * times))); then
  passed=$((passed + 1))
  echo "ok       every access is valid"
  if [ "$twice" = "$once" ]; then
    passed=$((passed + 1))
    echo "ok       no call leaves memory behind: $once bytes are lost after $times rounds, $twice after $((2 * times))"
  else
    failed=$((failed + 1))
    echo "FAILED   calls leave memory behind: $once bytes are lost after $times rounds, $twice after $((2 * times))"
    grep -A 25 'definitely lost in' "$work/log.$((2 * times))" | head -n 80
  fi
else
  failed=$((failed + 1))
  echo "FAILED   calls under valgrind"
fi

if [ "${2:-}" = all ]; then
  if RUN_TESTS_MORE=-m tests/phpt/run.sh "$CIVISHARE_SO" >"$work/phpt" 2>&1; then
    passed=$((passed + 1))
    echo "ok       the .phpt tests: $(tail -n 1 "$work/phpt")"
  else
    failed=$((failed + 1))
    echo "FAILED   the .phpt tests"
    tail -n 80 "$work/phpt"
  fi
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]

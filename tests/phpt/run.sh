#!/bin/sh
# Runs the PHP tests of the native module with PHP's own run-tests.php: tests/phpt/run.sh SO [TEST…]
# RUN_TESTS_MORE holds further options of run-tests.php. Builds nothing. Works on a copy under target/, because run-tests.php
# writes beside the tests.
set -eu

so=$(realpath "${1:?usage: tests/phpt/run.sh path/to/libcivishare.so [test…]}")
shift
here=$(cd "$(dirname "$0")" && pwd)
work=$(cd "$here/../.." && pwd)/target/phpt
php=${PHP:-$(command -v php8.2 || command -v php)}
runner=${RUN_TESTS:-$(ls /usr/lib/php/*/build/run-tests.php 2>/dev/null | tail -n 1)}
if [ -z "$runner" ]; then
  echo "tests/phpt: run-tests.php is missing: install php8.2-dev, or name it in RUN_TESTS" >&2
  exit 1
fi

rm -rf "$work"
mkdir -p "$work"
cp "$here"/*.phpt "$here"/*.inc "$work"
cd "$work"
if [ $# -gt 0 ]; then
  for name; do set -- "$@" "$(basename "$name")"; shift; done
else
  set -- .
fi

status=0
NO_INTERACTION=1 REPORT_EXIT_STATUS=1 TEST_PHP_EXECUTABLE=$php CIVISHARE_SO=$so CIVISHARE_TEST=1 \
  "$php" "$runner" -q ${RUN_TESTS_MORE:-} -W "$work/results" -d "extension=$so" "$@" >"$work/log" 2>&1 || status=$?

count() { grep -cE "^($1)\s" "$work/results" 2>/dev/null || true; }
grep -E '^(FAILED|BORKED|WARNED|LEAKED|SKIPPED)' "$work/results" 2>/dev/null | while read -r result test; do
  echo "$result $(basename "$test"): $(sed -n 2p "$test")"
  [ ! -f "${test%.phpt}.diff" ] || { cat "${test%.phpt}.diff"; echo; }
done
passed=$(count PASSED) failed=$(count 'FAILED|BORKED|WARNED|LEAKED') skipped=$(count SKIPPED)
echo "$passed passed, $failed failed, $skipped skipped"
if [ "$status" -ne 0 ] || [ "$failed" -ne 0 ] || [ "$passed" -eq 0 ]; then
  [ -s "$work/results" ] || cat "$work/log" >&2
  exit 1
fi

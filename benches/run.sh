#!/bin/bash
# Runs the benchmarks, prints the table, writes target/bench.json. CIVISHARE_SO is the native module.
# Each part is a script benches/part-*.sh that writes its rows, a JSON list, to the file it is given.
set -euo pipefail
cd "$(dirname "$0")/.."
export CIVISHARE_SO=${CIVISHARE_SO:-$PWD/target/release/libcivishare.so}
rows=$(mktemp -d)
trap 'rm -rf "$rows"' EXIT
failed=0
for part in benches/part-*.sh; do
  "$part" "$rows/$(basename "$part" .sh).json" || { echo "$part failed" >&2; failed=1; }
done
php -n benches/table.php target/bench.json "$rows"/*.json
exit "$failed"

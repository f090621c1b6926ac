#!/bin/bash
# Fuzzes each target for a while and says how many executions that were. A finding fails.
# usage: run.sh SECONDS [target…]      needs cargo-fuzz: cargo install cargo-fuzz --locked
set -euo pipefail
cd "$(dirname "$0")"
seconds=$1
shift
targets=("$@")
[ "${#targets[@]}" -gt 0 ] || targets=(json decide intake store)
command -v cargo-fuzz >/dev/null || {
  echo "0 passed, 0 failed, ${#targets[@]} skipped"
  echo 'SKIPPED: cargo-fuzz is not installed (cargo install cargo-fuzz --locked)'
  exit 0
}
# The sanitizers' flags are for nightly compilers; a stable one takes them when told so.
export RUSTC_BOOTSTRAP=1
failed=0
for target in "${targets[@]}"; do
  log=$(mktemp)
  cargo fuzz run "$target" -- -max_total_time="$seconds" -rss_limit_mb=4096 >"$log" 2>&1 || {
    failed=$((failed + 1))
    tail -n 40 "$log"
  }
  printf '%-8s %s\n' "$target" "$(grep -E '^Done [0-9]+ runs' "$log" || echo 'a finding: see above')"
  rm -f "$log"
done
echo "$((${#targets[@]} - failed)) passed, $failed failed"
[ "$failed" = 0 ]

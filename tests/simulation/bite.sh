#!/bin/bash
# Shows that the simulation bites: each deliberate defect of src/defect.rs, one at a time, has to be caught within 1,000 seeds, and
# without one the same build has to pass. Prints the seed that caught it and what did not hold. Ends like the other suites.
# usage: bite.sh [DEFECT…]     all without one
set -uo pipefail
cd "$(dirname "$0")/../.."
seeds=${CIVISHARE_BITE_SEEDS:-0..999}
passed=0 failed=0

binary=$(cargo test --locked --features defects --test simulation --no-run --message-format=json |
  sed -nE 's/.*"name":"simulation".*"executable":"([^"]+)".*/\1/p' | tail -n 1)
[ -x "$binary" ] || { echo '0 passed, 1 failed, 0 skipped'; exit 1; }

count() { # OK TEXT
  if [ "$1" = 1 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
  printf '%-6s %s\n' "$([ "$1" = 1 ] && echo ok || echo FAILED)" "$2"
}

run() { # DEFECT SEEDS
  CIVISHARE_DEFECT=$1 CIVISHARE_SIM_SEEDS=$2 "$binary" --nocapture 2>/dev/null
}

if [ $# = 0 ]; then
  mapfile -t defects < <(sed -nE 's/^    ([A-Z][A-Za-z]+),$/\1/p' src/defect.rs)
  run '' 0..99 | grep '^test result: ok' >/dev/null && sound=1 || sound=0
  count $sound 'without a defect, seeds 0..99'
else
  defects=("$@")
fi

for defect in "${defects[@]}"; do
  caught=$(run "$defect" "$seeds" | grep -m 1 '^seed [0-9]')
  if [ -n "$caught" ]; then
    count 1 "$defect: ${caught:0:200}"
  else
    count 0 "$defect: not caught by the seeds $seeds"
  fi
done

echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]

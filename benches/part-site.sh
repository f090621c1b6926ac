#!/bin/bash
# The benchmarks that need a real CiviCRM, on sites of their own. usage: part-site.sh ROWS.json
set -euo pipefail
cd "$(dirname "$0")/.."
# New ones each time: what an earlier run left waiting would be measured too.
tests/host/down.sh --purge target/bench
tests/host/with.sh target/bench benches/site/run.sh | tee /dev/stderr | sed -n '/^{/p' | paste -sd, | sed 's/^/[/; s/$/]/' >"$1"

#!/bin/bash
# The benchmarks that need a real CiviCRM: prints a JSON row a line.
# usage: run.sh a.env b.env      best through tests/host/with.sh target/bench
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../tests/demo/lib.sh"
alpha=$1 beta=$2
link_sites "$alpha" "$beta" >&2
on "$beta" setting civishare_inbox_limit 1000000 >&2

# A new peering begins with a resynchronisation, which is not to be measured.
for _ in 1 2 3 4; do
  for site in "$alpha" "$beta"; do
    on "$site" job process >&2
    on "$site" job send >&2
  done
done
on "$beta" job process >&2

script_on "$beta" "$here/apply.php" measure "$alpha" "$(value "$beta" SITE_DB_PID)"

script_on "$alpha" "$here/hooks.php"

idle=$(script_on "$alpha" "$here/memory.php" idle)
script_on "$alpha" "$here/memory.php" fill >&2
sending=$(script_on "$alpha" "$here/memory.php" send)
awk -v idle="$idle" -v sending="$sending" 'BEGIN {
  above = sending - idle
  printf "{\"name\":\"send_memory_mib\",\"ours\":%.1f,\"rival\":%.1f,\"ratio\":%.3f,\"unit\":\"MiB above an idle bootstrap (rival)\"}\n", above, idle, above / idle
}'

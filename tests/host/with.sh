#!/bin/bash
# Brings a host up, runs a command with its sites' env files as last arguments, and brings the host down again.
# usage: with.sh DIR command [argument…]
set -euo pipefail
here=$(dirname "$0")
dir=$1
shift
trap '"$here/down.sh" "$dir"' EXIT
"$here/up.sh" "$dir" alpha beta >&2
"$@" "$dir/alpha.env" "$dir/beta.env"

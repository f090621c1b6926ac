#!/bin/bash
# Runs a part of the end-to-end tests. usage: suite.sh FILTER A.env B.env
exec "$(dirname "$0")/e2e/run.sh" "$2" "$3" --filter "$1"

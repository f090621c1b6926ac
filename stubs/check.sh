#!/bin/sh
# Fails when the committed stub differs from the module: stubs/check.sh [SO]
set -eu
cd "$(dirname "$0")/.."
so=$(realpath "${1:-${CIVISHARE_SO:-target/release/libcivishare.so}}")
php=${PHP:-$(command -v php8.2 || command -v php)}
made=$(mktemp)
trap 'rm -f "$made"' EXIT
"$php" -n -d "extension=$so" stubs/generate.php >"$made"
"$php" -n -l "$made" >/dev/null
if ! diff -u stubs/civishare.stub.php "$made"; then
  echo "stubs/civishare.stub.php does not fit the module: php -n -d extension=$so stubs/generate.php > stubs/civishare.stub.php" >&2
  exit 1
fi

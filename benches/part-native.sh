#!/bin/bash
# The rows that need no CiviCRM: the module against PHP.
set -euo pipefail
cd "$(dirname "$0")/.."
program=$(cargo bench --locked --no-run --bench messages --message-format json 2>/dev/null |
  php -n -r 'while ($line = fgets(STDIN)) { $path = json_decode($line, TRUE)["executable"] ?? NULL; if ($path) { echo $path; } }')
# PHP runs as a server runs it: with opcache.
php -n -d zend_extension=opcache -d opcache.enable_cli=1 -d extension="$CIVISHARE_SO" benches/native.php "$program" "$1"

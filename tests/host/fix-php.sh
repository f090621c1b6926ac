#!/bin/sh
# HTMLPurifier 4.11 as Debian 12 has it, on PHP 8: string offsets in curly brackets are gone.
# usage: fix-php.sh LIBRARY-FOLDER
set -eu
cd "$1"
sed -i -E "s/\\\$attr\['size'\]\{0\}/\$attr['size'][0]/g" HTMLPurifier/TagTransform/Font.php
grep -rlE '\$[a-z_A-Z0-9]+\{[$0-9]' HTMLPurifier* |
  xargs sed -i -E 's/(\$[a-z_A-Z0-9]+)\{(\$[a-z]+( [+-] [0-9])?|[0-9]+)\}/\1[\2]/g'

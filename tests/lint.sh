#!/bin/bash
# Formats, lints, licences and stubs. Ends with how many checks passed, failed and were skipped.
set -uo pipefail
cd "$(dirname "$0")/.."
: "${CIVISHARE_SO:=$PWD/target/release/libcivishare.so}"
passed=0 failed=0 skipped=0

check() { # NAME command…
  local name=$1 log
  shift
  log=$(mktemp)
  if "$@" >"$log" 2>&1; then
    passed=$((passed + 1))
    echo "ok       $name"
  else
    failed=$((failed + 1))
    echo "FAILED   $name: $*"
    tail -n 40 "$log"
  fi
  rm -f "$log"
}

skip() { # NAME why
  skipped=$((skipped + 1))
  echo "SKIPPED  $1: $2"
}

check 'Rust is formatted' cargo fmt --all --check
check 'clippy is content' cargo clippy --locked --workspace --all-targets -- -D warnings
check 'the documentation of the core has no broken links' env RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps -p civishare
check 'PHP keeps to the coding standard' phpcs -q
check 'the table of change types is that of the declarations' php -n docs/types.php --check
check 'the stubs are those of the module' stubs/check.sh "$CIVISHARE_SO"
# cargo-deny is built once on a machine, without optimisation: a minute or two. Advisories are left out, as they need a clone of their
# database: cargo deny check advisories.
tools=${XDG_CACHE_HOME:-$HOME/.cache}/civishare/tools
PATH=$PATH:$tools/bin
if cargo deny --version >/dev/null 2>&1 || cargo install --quiet cargo-deny --version 0.20.2 --locked --debug --root "$tools"; then
  check 'licences and sources of the dependencies' cargo deny check bans licenses sources
else
  skip 'licences and sources of the dependencies' 'cargo-deny could not be installed (cargo install cargo-deny --locked)'
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]

#!/bin/bash
# Installs from Debian 12 what building and testing need, and only what is missing. Needs root or sudo only then.
# usage: packages.sh [extra package…]
set -euo pipefail

packages=(
  build-essential clang-14 libclang-14-dev pkg-config
  php8.2-cli php8.2-dev php8.2-mysql php8.2-xml php8.2-mbstring php8.2-intl php8.2-curl php8.2-zip
  php8.2-bcmath php8.2-gd php8.2-sqlite3 php8.2-opcache php8.2-fpm
  mariadb-server nginx-light
  phpunit php-codesniffer valgrind
  ca-certificates curl zstd "$@"
)

missing() {
  local installed
  installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${packages[@]}" 2>/dev/null |
    sed -n 's/ installed$//p' | sort -u) || true
  comm -23 <(printf '%s\n' "${packages[@]}" | sort -u) <(printf '%s\n' "$installed")
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

install() {
  echo "packages.sh: installing from Debian: $*" >&2
  as_root apt-get -qq update
  # The sites run their own servers. Debian's policy hook keeps the packages from starting theirs, which would sit on
  # the standard ports for nothing; a hook that the machine already has is left as it is.
  local hook=/usr/sbin/policy-rc.d ours=
  if [ ! -e "$hook" ]; then
    ours=1
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$hook" >/dev/null
    as_root chmod 755 "$hook"
  fi
  local result=0
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends "$@" >&2 || result=$?
  [ -z "$ours" ] || as_root rm -f "$hook"
  return $result
}

mapfile -t todo < <(missing)
if [ "${#todo[@]}" -gt 0 ]; then install "${todo[@]}"; fi

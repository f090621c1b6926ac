#!/bin/bash
# Downloads the packages of debs.txt into the cache folder, those that are not there yet, and checks them all.
# usage: fetch.sh      prints the path of each, one a line
# CIVISHARE_BULLSEYE, when set, is the address to take Debian 11 from; otherwise the machine's own mirror is asked.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

DEBS=$CACHE/debs
APT=$CACHE/apt

# Lists and sources of our own: the machine's must not change, and need not hold the older release. Only Debian's
# sources are taken over, and only its keys are believed. What the machine runs after an update is not for us.
prepare_apt() {
  local key=/usr/share/keyrings/debian-archive-keyring.gpg sources mirror line
  sources=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    sed -nE 's/^(\S+ bookworm(-updates|-security)? main)$/\1/p' | sort -u)
  mirror=${CIVISHARE_BULLSEYE:-$(sed -n 's/ bookworm main$//p' <<<"$sources" | head -n 1)}
  [ -n "$mirror" ] || die "this machine's apt knows no source for Debian 12 (bookworm main)"
  mkdir -p "$APT/lists/partial" "$APT/cache/archives/partial"
  {
    echo "deb [signed-by=$key] $mirror bullseye main"
    while read -r line; do echo "deb [signed-by=$key] $line"; done <<<"$sources"
  } >"$APT/sources.list"
  cat >"$APT/apt.conf" <<CONF
Dir::Etc::SourceList "$APT/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State::Lists "$APT/lists";
Dir::Cache "$APT/cache";
Acquire::Languages "none";
APT::Sandbox::User "$(id -un)";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
CONF
  apt_own update
}

apt_own() {
  apt-get -qq -c "$APT/apt.conf" "$@"
}

# The cached file of a package: of the version in debs.txt if it is there, else of the newest one.
cached() { # NAME VERSION
  local file
  for file in "$DEBS/$1_${2//:/%3a}"_*.deb "$DEBS/$1"_*.deb; do
    if [ -f "$file" ]; then echo "$file" && return; fi
  done
  return 1
}

# A file is good if it has the sum of debs.txt, or, for Debian 12, the one that it had when apt had verified it.
verify() { # FILE RELEASE SHA256
  local sum
  sum=$(sha256sum "$1" | cut -d' ' -f1)
  [ "$sum" != "$3" ] || return 0
  [ "$2" != bullseye ] && grep -qsx -- "$sum ${1##*/}" "$DEBS/verified-by-apt"
}

# One call for all, as apt reads its lists anew at each.
download() { # NAME[=VERSION]…
  note "downloading from Debian into $DEBS"
  prepare_apt
  (cd "$DEBS" && apt_own download "$@")
  (cd "$DEBS" && sha256sum -- *.deb | sed 's/  / /' >verified-by-apt)
}

is_good() { # NAME RELEASE VERSION SHA256
  local file
  file=$(cached "$1" "$3") && verify "$file" "$2" "$4"
}

list() {
  grep -v '^#' "$HOST_SCRIPTS/debs.txt"
}

main() {
  local name release version sum todo=()
  lock "$DEBS"
  while read -r name release version sum; do
    if is_good "$name" "$release" "$version" "$sum"; then continue; fi
    rm -f "$DEBS/$name"_*.deb
    if [ "$release" = bullseye ]; then todo+=("$name=$version"); else todo+=("$name"); fi
  done < <(list)
  if [ "${#todo[@]}" -gt 0 ]; then download "${todo[@]}"; fi

  while read -r name release version sum; do
    is_good "$name" "$release" "$version" "$sum" || die "$name does not have the SHA-256 sum that debs.txt names"
    cached "$name" "$version"
  done < <(list)
}

main

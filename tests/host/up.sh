#!/bin/bash
# Brings a host up: real CiviCRM sites on one database server, each behind its own port on loopback.
# usage: up.sh DIR [SITE…]      a new host has alpha and beta, if no others are named; a site that is named and not
#                               there is added; with no name, all that are there come up. Then see DIR/<site>.env.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/site.sh"

# Hard links: a copy of 13,000 files takes ext4 up to half a minute where as many have been deleted a little earlier.
# Whoever changes a file of CiviCRM in place changes it in all sites; template.sh sees it and begins anew.
copy_tree() { # TEMPLATE TO
  cp -al "$1"/{web,lib,shim} "$2/" 2>/dev/null || cp -a --reflink=auto "$1"/{web,lib,shim} "$2/"
}

create_site() { # DIR SITE TEMPLATE
  local dir=$1 site=$2 template=$3 kind
  rm -rf "${dir:?}/$site" "$dir/.new-$site"
  mkdir "$dir/.new-$site"
  copy_tree "$template" "$dir/.new-$site" &
  create_databases "$site"
  for kind in civicrm wordpress; do sql "${site}_$kind" <"$template/$kind.sql"; done
  sql -e "UPDATE ${site}_wordpress.wp_options SET option_value = 'CiviShare $site' WHERE option_name = 'blogname';
    UPDATE ${site}_civicrm.civicrm_domain SET name = 'CiviShare $site'"
  wait $!
  echo "${template##*-}" >"$dir/.new-$site/state"
  mv "$dir/.new-$site" "$dir/$site"
}

create_sites() { # DIR TEMPLATE SITE…
  local dir=$1 template=$2 site jobs=()
  shift 2
  [ $(($(host_sites "$dir" | wc -l) + $#)) -le 9 ] || die "a host has room for 9 sites"
  for site in "$@"; do
    create_site "$dir" "$site" "$template" &
    jobs+=($!)
  done
  for site in "$@"; do
    wait "${jobs[0]}" || die "could not create $site"
    jobs=("${jobs[@]:1}")
    echo "$site" >>"$dir/sites"
  done
}

# Says which sites are of another state than tests/host is now. They may hold a person's work, so nothing is renewed
# unasked.
note_old_sites() { # DIR
  local state site
  state=$("$HOST_SCRIPTS/template.sh" --state)
  for site in $(host_sites "$1"); do
    [ "$(<"$1/$site/state")" = "$state" ] ||
      note "$site was made by another version of tests/host; \`down.sh --purge $1\`, then up.sh, makes it new"
  done
}

main() {
  [ $# -ge 1 ] || die "usage: up.sh DIR [SITE…]"
  local dir site template sites=() new=()
  dir=$(host_dir "$1")
  shift
  sites=("$@")
  for site in "${sites[@]}"; do check_site_name "$site"; done

  "$HOST_SCRIPTS/packages.sh"
  mkdir -p "$dir"
  lock "$dir"
  load_host "$dir"
  if [ "${#sites[@]}" = 0 ]; then mapfile -t sites < <(host_sites "$dir"); fi
  if [ "${#sites[@]}" = 0 ]; then sites=(alpha beta); fi
  for site in "${sites[@]}"; do
    host_sites "$dir" | grep -qx -- "$site" || new+=("$site")
  done

  if [ "${#new[@]}" -gt 0 ]; then
    template=$("$HOST_SCRIPTS/template.sh")
    CIVISHARE_DATADIR=$template/db "$HOST_SCRIPTS/db.sh" up "$dir"
    create_sites "$dir" "$template" "${new[@]}"
  fi
  note_old_sites "$dir"
  for site in $(host_sites "$dir"); do write_site_files "$dir" "$site"; done
  for site in "${sites[@]}"; do
    "$HOST_SCRIPTS/web.sh" up "$dir" "$site"
    echo "$site: http://127.0.0.1:$(web_port "$dir" "$site") (admin, admin)"
  done
}

main "$@"

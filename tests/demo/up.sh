#!/bin/bash
# Brings up two real CiviCRM sites, links them, and shows a change on its way from one to the other.
# usage: up.sh DIR      CIVISHARE_SO is the native module. Ended by tests/host/down.sh DIR; run again, it finds what is there.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
mkdir -p "$(dirname "$1")"
dir=$(realpath "$1")
: "${CIVISHARE_SO:?the native module is not built: run make module}"
alpha=$dir/alpha.env beta=$dir/beta.env

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

say 'Two CiviCRM sites'
"$demo/../host/up.sh" "$dir" alpha beta

say 'Linking them'
link_sites "$alpha" "$beta"

say 'A change on alpha'
surname="Demo-$(date +%H%M%S)"
id=$(on "$alpha" create Karl "$surname")
on "$alpha" rename "$id" Carl >/dev/null
echo "alpha: created Karl $surname (contact $id) and renamed him to Carl"

say 'Scheduled Jobs'
echo "alpha sends:    $(on "$alpha" job send)"
echo "beta processes: $(on "$beta" job process)"

say 'On beta'
found=$(on "$beta" find "$surname")
[ -n "$found" ] || {
  echo 'The contact has not arrived: see Administer > System Settings > System Status on both sites.' >&2
  exit 1
}
echo "beta: $found"

say 'Go on by hand'
for env in "$alpha" "$beta"; do
  printf '%-6s %s/wp-login.php?redirect_to=%%2Fwp-admin%%2Fadmin.php%%3Fpage%%3DCiviCRM   user %s, password %s\n' \
    "$(value "$env" SITE_NAME)" "$(value "$env" SITE_URL)" "$(value "$env" SITE_ADMIN_USER)" "$(value "$env" SITE_ADMIN_PASSWORD)"
done
echo 'Edit a contact on one, run the two CiviShare jobs under Administer > System Settings > Scheduled Jobs (send there, process'
echo 'here), and look at the other. End with: make demo-down'

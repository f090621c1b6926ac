#!/bin/bash
# Builds what every site is copied from, once for each state of this folder: file tree, database dumps, and an empty
# MariaDB data folder. Kept in the cache folder.
# usage: template.sh            prints the template's folder: web/ lib/ shim/ db/ civicrm.sql wordpress.sql
#        template.sh --state    prints the state of this folder, and builds nothing
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/site.sh"

# What the template is made of, and nothing else: a change of the other scripts needs no new one.
state() {
  (cd "$HOST_SCRIPTS" && cat debs.txt template.sh fix-*.sh site/{install,bootstrap,runtime,civicrm.settings,wp-config}.php \
    site/theme/* && mariadbd --version) | sha256sum | cut -c1-16
}

unpack() { # ROOT
  local deb
  while read -r deb; do dpkg -x "$deb" "$1"; done < <("$HOST_SCRIPTS/fetch.sh")
}

# Debian spreads CiviCRM and WordPress over /usr/share, /etc and /var by symlinks, and they find themselves by real
# paths. So: absolute links are pointed into the unpacked tree, what still dangles (documentation, compressed copies)
# is removed, and one real tree is copied out.
flatten() { # ROOT OUT
  local root=$1 out=$2 link target
  while IFS= read -r link; do
    target=$(readlink "$link")
    case $target in /*) ln -sfn "$root$target" "$link" ;; esac
  done < <(find "$root" -type l)
  mkdir -p "$root/var/lib/php-htmlpurifier/Serializer"
  rm -rf "$root"/usr/share/civicrm/bower_components/monaco-editor/{dev,esm,min-maps} \
    "$root"/usr/share/civicrm/ext/afform/html/bower_components
  find "$root" -xtype l -delete
  cp -rL --preserve=mode,timestamps "$root/usr/share/wordpress" "$out/web"
  # Civi.php and some more are not linked to.
  cp -rLn --preserve=mode,timestamps "$root/usr/share/civicrm/." "$out/web/wp-content/plugins/civicrm/civicrm/"
  cp -rL --preserve=mode,timestamps "$root/usr/share/php" "$out/lib"
}

# Debian's autoloader asks for packages that the tree holds anyway, under vendor/.
make_shims() { # OUT
  mkdir -p "$1/shim/Symfony/Component/Config" "$1/shim/Composer/Autoload"
  echo '<?php' >"$1/shim/Symfony/Component/Config/autoload.php"
  echo '<?php require_once dirname(__DIR__, 3) . "/web/wp-content/plugins/civicrm/civicrm/vendor/composer/ClassLoader.php";' \
    >"$1/shim/Composer/Autoload/ClassLoader.php"
}

make_tree() { # OUT
  local root=$1/unpacked
  mkdir "$root"
  unpack "$root"
  flatten "$root" "$1"
  rm -rf "$root"
  make_shims "$1"
  "$HOST_SCRIPTS/fix-civicrm.sh" "$1/web/wp-content/plugins/civicrm/civicrm"
  "$HOST_SCRIPTS/fix-php.sh" "$1/lib"
  mkdir -p "$1/web/wp-content/mu-plugins" "$1/web/wp-content/uploads/civicrm/ext" "$1/web/wp-content/themes"
  cp -r "$HOST_SCRIPTS/site/theme" "$1/web/wp-content/themes/mini"
}

# Installs into a host of its own, which ends with this script.
install_databases() { # OUT
  local out=$1 host=$1/host site=$1/host/template phase
  mkdir "$host"
  "$HOST_SCRIPTS/db.sh" up "$host"
  trap '"$HOST_SCRIPTS/db.sh" down "'"$host"'"' EXIT
  echo template >"$host/sites"
  mkdir "$site"
  load_host "$host"
  mv "$out/web" "$out/lib" "$out/shim" "$site/"
  create_databases template
  write_site_files "$host" template
  rm "$site/web/wp-content/uploads/civicrm/civicrm.settings.php"
  for phase in wordpress civicrm finish; do
    [ $phase != finish ] || cp "$HOST_SCRIPTS/site/civicrm.settings.php" "$site/web/wp-content/uploads/civicrm/"
    "$PHP" -c "$site/php.ini" "$site/install.php" $phase >>"$out/install.log" 2>&1 ||
      { tail -n 20 "$out/install.log" >&2; die "installing $phase failed"; }
  done
  dump civicrm >"$out/civicrm.sql"
  dump wordpress >"$out/wordpress.sql"
  mv "$site/web" "$site/lib" "$site/shim" "$out/"
  rm -rf "$out/web/wp-content/uploads/civicrm"/{templates_c,ConfigAndLog,persist}
  rm -rf "$out/web/wp-content/uploads/civicrm"/civicrm.settings.php
}

# Without definers, as each site has a database user of its own.
dump() { # KIND
  mariadb-dump --no-defaults --socket="$DB_SOCKET" --user=root --skip-comments --routines --triggers "template_$1" |
    sed -E 's/ ?DEFINER=`[^`]*`@`[^`]*` ?/ /'
}

# An empty data folder saves each new host the work of mariadb-install-db.
keep_datadir() { # OUT
  sql -e "DROP DATABASE template_civicrm; DROP DATABASE template_wordpress; DROP USER civi_template@localhost;
    DROP USER civi_template@127.0.0.1"
  "$HOST_SCRIPTS/db.sh" down "$1/host"
  trap - EXIT
  mv "$1/host/db" "$1/db"
  rm -rf "$1/host"
}

# Other checkouts of the project may use another state.
forget_old() {
  # shellcheck disable=SC2012 # names of our own
  ls -dt "$CACHE"/template-* | tail -n +4 | xargs -r rm -rf
}

main() {
  local dir new
  if [ "${1:-}" = --state ]; then state && return; fi
  dir=$CACHE/template-$(state)
  if [ -d "$dir" ] && [ -n "$(find "$dir"/{web,lib,shim} -type f -newer "$dir/stamp" -print -quit)" ]; then
    note "the template's files were changed through a site: building it anew"
    rm -rf "$dir"
  fi
  if [ ! -d "$dir" ]; then
    lock "$CACHE"
    if [ ! -d "$dir" ]; then
      note "building the template of a site (once for each state of tests/host)"
      new=$CACHE/new
      rm -rf "$new"
      mkdir "$new"
      make_tree "$new"
      install_databases "$new"
      keep_datadir "$new"
      touch "$new/stamp"
      mv "$new" "$dir"
      forget_old
    fi
  fi
  echo "$dir"
}

main "$@"

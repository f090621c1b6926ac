# What makes a folder a site: its databases, the files that say who it is, its commands. Sourced after lib.sh.
# shellcheck shell=bash

# A database user that may do what a real site's may: all in its own databases, nothing beyond. With
# --skip-name-resolve a connection by TCP comes from 127.0.0.1, one by the socket from localhost.
create_databases() { # SITE, with DB_SOCKET set; prints nothing
  local site=$1 from
  sql -e "DROP DATABASE IF EXISTS \`${site}_civicrm\`; DROP DATABASE IF EXISTS \`${site}_wordpress\`;
    CREATE DATABASE \`${site}_civicrm\` CHARACTER SET utf8 COLLATE utf8_unicode_ci;
    CREATE DATABASE \`${site}_wordpress\` CHARACTER SET utf8mb4"
  for from in localhost 127.0.0.1; do
    sql -e "CREATE OR REPLACE USER 'civi_$site'@'$from' IDENTIFIED BY 'civi_$site';
      GRANT ALL ON \`${site}\\_civicrm\`.* TO 'civi_$site'@'$from';
      GRANT ALL ON \`${site}\\_wordpress\`.* TO 'civi_$site'@'$from'"
  done
}

# Writes its input to a file, in one step and only where it differs: the site may be answering meanwhile.
put() { # FILE [MODE]
  cat >"$1.new"
  chmod "${2:-644}" "$1.new"
  if cmp -s "$1.new" "$1"; then rm "$1.new"; else mv "$1.new" "$1"; fi
}

# Done at each up.sh, so that a change of these scripts reaches sites that are there already.
write_site_files() { # DIR SITE
  local dir=$1 site=$2 home=$1/$2 from=$HOST_SCRIPTS/site name
  mkdir -p "$home"/{bin,log,run,sessions,php.d,opcache} "$home/web/wp-content/mu-plugins"
  [ -f "$home/key" ] || od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$home/key"
  for name in prepend runtime warnings router boot bootstrap install; do
    put "$home/$name.php" <"$from/$name.php"
  done
  put "$home/web/wp-config.php" <"$from/wp-config.php"
  put "$home/web/wp-content/mu-plugins/host.php" <"$from/mu-plugin.php"
  put "$home/web/wp-content/uploads/civicrm/civicrm.settings.php" <"$from/civicrm.settings.php"
  site_php "$dir" "$site" | put "$home/site.php"
  php_ini "$home" "$site" | put "$home/php.ini"
  write_commands "$dir" "$site"
  site_env "$dir" "$site" | put "$dir/$site.env"
}

site_php() { # DIR SITE
  cat <<PHP
<?php
return [
  'name' => '$2',
  'urls' => ['http://127.0.0.1:$(web_port "$1" "$2")', 'http://127.0.0.1:$(fpm_port "$1" "$2")'],
  'ext_dir' => '$1/$2/web/wp-content/uploads/civicrm/ext',
  'db_host' => '127.0.0.1:$PORT_BASE',
  'db_user' => 'civi_$2',
  'db_password' => 'civi_$2',
  'civicrm_db' => '$2_civicrm',
  'wordpress_db' => '$2_wordpress',
  'key' => '$(<"$1/$2/key")',
];
PHP
}

# Two sites share a host name, and with it their cookies: so each names its own. opcache looks at every file's time at
# every request, for the sake of those who edit.
php_ini() { # HOME SITE
  cat <<INI
auto_prepend_file = $1/prepend.php
memory_limit = 512M
max_execution_time = 120
display_errors = stderr
log_errors = 0
html_errors = 0
date.timezone = UTC
session.name = SESSION_$2
session.save_path = $1/sessions
opcache.revalidate_freq = 0
INI
}

write_commands() { # DIR SITE
  local home=$1/$2
  opcache_blacklist "$home" | put "$home/opcache.blacklist"
  php_command "$home" | put "$home/bin/php" 755
  printf '#!/bin/sh\nexec %s/web.sh up %s %s\n' "$HOST_SCRIPTS" "$1" "$2" | put "$home/bin/up" 755
  printf '#!/bin/sh\nexec %s/web.sh down %s %s\n' "$HOST_SCRIPTS" "$1" "$2" | put "$home/bin/down" 755
}

# bin/php keeps compiled files on disk, which halves CiviCRM's start. Not those of the extension and of the tests: what
# opcache takes over from a native module into a compiled file would outlive the module's next build.
opcache_blacklist() { # HOME
  printf '%s\n' "$1/web/wp-content/uploads/civicrm/ext/" "/**/civishare-ext/" "$(dirname "$HOST_SCRIPTS")/"
}

php_command() { # HOME
  cat <<SH
#!/bin/sh
# Runs a PHP script in CiviCRM as the administrator. Settings of a test's own can be put in php.d/*.ini.
if [ -n "\$CIVISHARE_SO" ] && [ ! -r "\$CIVISHARE_SO" ]; then
  echo "CIVISHARE_SO: there is no \$CIVISHARE_SO" >&2
  exit 66
fi
PHP_INI_SCAN_DIR=:$1/php.d exec $PHP -c $1/php.ini \\
  -d opcache.enable_cli=1 -d opcache.file_cache=$1/opcache -d opcache.file_cache_only=1 \\
  -d opcache.blacklist_filename=$1/opcache.blacklist \\
  \${CIVISHARE_SO:+-d "extension=\$CIVISHARE_SO"} $1/boot.php "\$@"
SH
}

site_env() { # DIR SITE
  cat <<ENV
SITE_NAME='$2'
SITE_URL='http://127.0.0.1:$(web_port "$1" "$2")'
SITE_EXT_DIR='$1/$2/web/wp-content/uploads/civicrm/ext'
SITE_PHP='$1/$2/bin/php'
SITE_UP='$1/$2/bin/up'
SITE_DOWN='$1/$2/bin/down'
SITE_ADMIN_USER='admin'
SITE_ADMIN_PASSWORD='admin'
SITE_DB_NAME='$2_civicrm'
SITE_DB_SOCKET='$DB_SOCKET'
SITE_DB_USER='civi_$2'
SITE_DB_PASSWORD='civi_$2'
SITE_DB_PID='$1/db.pid'
SITE_DB_UP='$HOST_SCRIPTS/db.sh up $1'
SITE_DB_DOWN='$HOST_SCRIPTS/db.sh down $1'
SITE_FPM_URL='http://127.0.0.1:$(fpm_port "$1" "$2")'
SITE_FPM_UP='$HOST_SCRIPTS/fpm.sh up $1 $2'
SITE_FPM_DOWN='$HOST_SCRIPTS/fpm.sh down $1 $2'
SITE_LOG='$1/$2/log/web.log'
SITE_WARNINGS='$1/$2/civishare-warnings.log'
ENV
}

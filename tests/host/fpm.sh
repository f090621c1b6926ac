#!/bin/bash
# The same site behind Debian's nginx and php8.2-fpm, on another port: for what only FPM does, such as
# fastcgi_finish_request(). Nothing of /etc is used but nginx' lists of types and parameters.
# usage: fpm.sh up|down DIR SITE      up prints the URL
# CIVISHARE_SO as for web.sh.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

# Both servers refuse to work as root unless they are told to.
fpm_conf() { # HOME PORT
  cat <<CONF
[global]
error_log = $1/log/fpm.log
daemonize = no
[www]
$([ "$(id -u)" != 0 ] || printf 'user = root\ngroup = root')
listen = 127.0.0.1:$2
pm = static
pm.max_children = 4
catch_workers_output = yes
decorate_workers_output = no
clear_env = no
CONF
}

nginx_conf() { # HOME PORT FPM-PORT
  cat <<CONF
$([ "$(id -u)" != 0 ] || echo 'user root;')
daemon off;
pid $1/run/nginx.own.pid;
error_log $1/log/nginx.log warn;
events { }
http {
  include /etc/nginx/mime.types;
  access_log off;
  client_body_temp_path $1/run/nginx-body;
  fastcgi_temp_path $1/run/nginx-fastcgi;
  proxy_temp_path $1/run/nginx-proxy;
  scgi_temp_path $1/run/nginx-scgi;
  uwsgi_temp_path $1/run/nginx-uwsgi;
  client_max_body_size 128m;
  server {
    listen 127.0.0.1:$2;
    root $1/web;
    index index.php;
    location / { try_files \$uri \$uri/ /index.php?\$args; }
    location ~ \.php\$ {
      try_files \$uri =404;
      include /etc/nginx/fastcgi_params;
      fastcgi_param HTTP_HOST \$http_host;
      fastcgi_param SCRIPT_FILENAME \$document_root\$fastcgi_script_name;
      fastcgi_read_timeout 300;
      fastcgi_pass 127.0.0.1:$3;
    }
  }
}
CONF
}

up() {
  local home=$1/$2 port fpm mark options=()
  port=$(site_port "$1" "$2" 2) fpm=$(site_port "$1" "$2" 3)
  mark=$(module_mark)
  if is_running "$home/run/nginx.pid" && is_running "$home/run/fpm.pid"; then
    if [ "$mark" = "$(cat "$home/run/fpm.module")" ]; then echo "http://127.0.0.1:$port" && return; fi
  fi
  down "$1" "$2"
  "$HOST_SCRIPTS/db.sh" up "$1"
  for port in "$fpm" "$port"; do
    if port_is_taken "$port"; then die "port $port is taken by another program"; fi
  done
  fpm_conf "$home" "$fpm" >"$home/run/fpm.conf"
  nginx_conf "$home" "$port" "$fpm" >"$home/run/nginx.conf"

  if [ "$(id -u)" = 0 ]; then options+=(-R); fi
  if [ -n "$mark" ]; then options+=(-d "extension=$(realpath "$CIVISHARE_SO")"); fi
  PHP_INI_SCAN_DIR=:$home/php.d spawn "$home/run/fpm.pid" "$home/log/fpm.log" php-fpm8.2 -F -c "$home/php.ini" \
    -y "$home/run/fpm.conf" -d display_errors=0 -d log_errors=1 "${options[@]}"
  spawn "$home/run/nginx.pid" "$home/log/nginx.log" nginx -e "$home/log/nginx.log" -p "$home/run/" -c "$home/run/nginx.conf"
  echo "$mark" >"$home/run/fpm.module"
  wait_for_port "$fpm" "$home/run/fpm.pid" "$home/log/fpm.log"
  wait_for_port "$port" "$home/run/nginx.pid" "$home/log/nginx.log"
  echo "http://127.0.0.1:$port"
}

down() {
  stop_group "$1/$2/run/nginx.pid" "$1/$2"
  stop_group "$1/$2/run/fpm.pid" "$1/$2"
}

serve "$@"

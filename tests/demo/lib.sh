# What the demo and the benchmarks do with two sites, each given by its env file. Sourced.
demo=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

value() { (. "$1" && printf '%s' "${!2}"); } # ENV KEY

# Runs one step of site.php, or another script, on a site.
on() { # ENV word argument…
  local env=$1
  shift
  script_on "$env" "$demo/site.php" "$@"
}

script_on() { # ENV SCRIPT argument…
  local env=$1
  shift
  (
    . "$env"
    $SITE_PHP "$@"
  )
}

install() { # ENV
  local ext
  ext=$(value "$1" SITE_EXT_DIR)
  [ -e "$ext/civishare" ] || ln -s "$(realpath "$demo/../../civishare-ext")" "$ext/civishare"
  on "$1" install >/dev/null
}

# Installs the extension on both sites and links them both ways. What is there already stays.
link_sites() { # ENV ENV
  local secret
  install "$1"
  install "$2"
  secret=$(on "$1" secret)
  link_one "$1" "$2" "$secret"
  link_one "$2" "$1" "$secret"
}

link_one() { # ENV OTHER SECRET
  on "$1" link "$(value "$1" SITE_URL)" "CiviShare $(value "$1" SITE_NAME)" \
    "$(value "$2" SITE_URL)" "CiviShare $(value "$2" SITE_NAME)" "$(on "$2" endpoint)" "$3"
}

<?php

/**
 * @file
 * The site's address, what CiviCRM 5.33 misses on PHP 8.2, and the watch over warnings.
 */

/**
 * The site's base URL: the one under which it was asked, if that is one of its own.
 *
 * The same site stands behind two ports (php -S, and nginx with php-fpm).
 */
function host_url(): string {
  $asked = 'http://' . ($_SERVER['HTTP_HOST'] ?? '');
  return in_array($asked, HOST_SITE['urls'], TRUE) ? $asked : HOST_SITE['urls'][0];
}

require __DIR__ . '/warnings.php';

set_include_path(__DIR__ . '/lib:' . __DIR__ . '/shim' . PATH_SEPARATOR . get_include_path());
mysqli_report(MYSQLI_REPORT_OFF);

// Civi\Setup comes from a folder that only CiviCRM's installer knows.
spl_autoload_register(function ($class) {
  if (strncmp($class, 'Civi\\Setup', 10) === 0) {
    $file = __DIR__ . '/web/wp-content/plugins/civicrm/civicrm/setup/src/' . strtr(substr($class, 5), '\\', '/') . '.php';
    if (is_file($file)) {
      require_once $file;
    }
  }
});

if (!function_exists('each')) {
  function each(&$array) {
    $key = key($array);
    if ($key === NULL) {
      return FALSE;
    }
    $value = current($array);
    next($array);
    return [1 => $value, 'value' => $value, 0 => $key, 'key' => $key];
  }
}
if (!function_exists('create_function')) {
  function create_function($args, $code) {
    return eval("return function($args) { $code };");
  }
}
if (!function_exists('get_magic_quotes_gpc')) {
  function get_magic_quotes_gpc() {
    return FALSE;
  }
}
require_once 'HTMLPurifier.auto.php';

// The plugin reads it without asking whether it is there.
define('CIVICRM_DISABLE_DEFAULT_MENU', FALSE);

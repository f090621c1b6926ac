<?php

/**
 * @file
 * Starts WordPress and CiviCRM on the command line, as the administrator and as if at the site's own address.
 */

$_SERVER = [
  'HTTP_HOST' => parse_url(HOST_SITE['urls'][0], PHP_URL_HOST) . ':' . parse_url(HOST_SITE['urls'][0], PHP_URL_PORT),
  'SERVER_NAME' => '127.0.0.1',
  'SERVER_PORT' => parse_url(HOST_SITE['urls'][0], PHP_URL_PORT),
  'SERVER_PROTOCOL' => 'HTTP/1.1',
  'REMOTE_ADDR' => '127.0.0.1',
  'REQUEST_URI' => '/',
  'REQUEST_METHOD' => 'GET',
  'SCRIPT_NAME' => '/index.php',
] + $_SERVER;
require __DIR__ . '/web/wp-load.php';
wp_set_current_user(1);
civi_wp()->initialize();
// Logs the user's contact in, and makes it the first time.
$user = wp_get_current_user();
CRM_Core_BAO_UFMatch::synchronize($user, FALSE, 'WordPress', 'Individual');
unset($user);

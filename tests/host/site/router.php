<?php

/**
 * @file
 * Router of `php -S`: files as they are, folders by their index.php, all else to WordPress, as its rewrite rules
 * for Apache and nginx do.
 */

require_once __DIR__ . '/prepend.php';

$path = rawurldecode(parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH) ?: '/');
$root = $_SERVER['DOCUMENT_ROOT'];
if ($path !== '/' && is_file($root . $path)) {
  return FALSE;
}
$script = rtrim($path, '/') . '/index.php';
if ($path === '/' || !is_file($root . $script)) {
  $script = '/index.php';
}
$_SERVER['SCRIPT_NAME'] = $_SERVER['PHP_SELF'] = $script;
$_SERVER['SCRIPT_FILENAME'] = $root . $script;
unset($path);
chdir(dirname($root . $script));
require $root . $script;

<?php

/**
 * @file
 * Runs before everything else in each PHP process of a site. `php -S` leaves it out for its router, which requires it
 * itself, and then may come here a second time; hence two files, as PHP declares a file's functions before it runs it.
 */

if (!defined('HOST_SITE')) {
  define('HOST_SITE', require __DIR__ . '/site.php');
  require __DIR__ . '/runtime.php';
}

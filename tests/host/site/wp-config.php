<?php

// Copied into the site's web root; site.php, one folder up, holds what differs from site to site.
require_once dirname(__DIR__) . '/prepend.php';

define('DB_NAME', HOST_SITE['wordpress_db']);
define('DB_USER', HOST_SITE['db_user']);
define('DB_PASSWORD', HOST_SITE['db_password']);
define('DB_HOST', HOST_SITE['db_host']);
define('DB_CHARSET', 'utf8mb4');
define('DB_COLLATE', '');
foreach (['AUTH', 'SECURE_AUTH', 'LOGGED_IN', 'NONCE'] as $name) {
  define("{$name}_KEY", hash('sha256', $name . HOST_SITE['key']));
  define("{$name}_SALT", hash('sha256', "salt$name" . HOST_SITE['key']));
}
define('WP_HOME', host_url());
define('WP_SITEURL', host_url());

// No outside calls.
define('WP_HTTP_BLOCK_EXTERNAL', TRUE);
define('AUTOMATIC_UPDATER_DISABLED', TRUE);
define('DISABLE_WP_CRON', TRUE);

define('WP_DEBUG', FALSE);
define('WP_DISABLE_FATAL_ERROR_HANDLER', TRUE);
$table_prefix = 'wp_';
if (!defined('ABSPATH')) {
  define('ABSPATH', __DIR__ . '/');
}
require_once ABSPATH . 'wp-settings.php';

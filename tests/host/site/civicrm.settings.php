<?php

// Copied to where CiviCRM looks for its settings; takes the place of what its installer writes, with nothing in it
// that is tied to a path, a port or a site.
global $civicrm_root, $civicrm_setting, $civicrm_paths;

$civicrm_root = WP_PLUGIN_DIR . '/civicrm/civicrm/';
define('CIVICRM_UF', 'WordPress');
define('CIVICRM_UF_BASEURL', host_url());
$dsn = 'mysql://' . HOST_SITE['db_user'] . ':' . HOST_SITE['db_password'] . '@' . HOST_SITE['db_host'] . '/%s?new_link=true';
define('CIVICRM_DSN', sprintf($dsn, HOST_SITE['civicrm_db']));
define('CIVICRM_UF_DSN', sprintf($dsn, HOST_SITE['wordpress_db']));
define('CIVICRM_LOGGING_DSN', CIVICRM_DSN);
unset($dsn);
define('CIVICRM_TEMPLATE_COMPILEDIR', __DIR__ . '/templates_c');
define('CIVICRM_SITE_KEY', HOST_SITE['key']);
define('CIVICRM_DOMAIN_ID', 1);
define('CIVICRM_DB_CACHE_CLASS', 'ArrayCache');
define('CIVICRM_PSR16_STRICT', FALSE);
define('CIVICRM_MAIL_SMARTY', 0);
define('CIVICRM_CLEANURL', 1);
if (!defined('CIVICRM_DEADLOCK_RETRIES')) {
  define('CIVICRM_DEADLOCK_RETRIES', 3);
}

$civicrm_paths['wp.frontend.base']['url'] = host_url() . '/';
$civicrm_paths['wp.backend.base']['url'] = host_url() . '/wp-admin/';
$civicrm_setting['domain'] = [
  'userFrameworkResourceURL' => host_url() . '/wp-content/plugins/civicrm/civicrm',
  'extensionsDir' => '[civicrm.files]/ext',
  'extensionsURL' => '[civicrm.files]/ext',
  'environment' => 'Production',
  // Mail goes to a table (CRM_Mailing_Config::OUTBOUND_OPTION_REDIRECT_TO_DB); nothing asks other machines.
  'mailing_backend' => ['outBound_option' => 5],
  'ext_repo_url' => FALSE,
  'communityMessagesUrl' => FALSE,
] + ($civicrm_setting['domain'] ?? []);

set_include_path('.' . PATH_SEPARATOR . $civicrm_root . PATH_SEPARATOR . $civicrm_root . 'packages' . PATH_SEPARATOR . get_include_path());
require_once 'CRM/Core/ClassLoader.php';
CRM_Core_ClassLoader::singleton()->register();

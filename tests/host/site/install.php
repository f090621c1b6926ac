<?php

/**
 * @file
 * Installs WordPress, then CiviCRM, in a fresh tree with empty databases; template.sh keeps the result.
 * usage: php install.php wordpress, then civicrm, then (with civicrm.settings.php in place) finish: one process each
 */

$_SERVER = [
  'HTTP_HOST' => substr(HOST_SITE['urls'][0], strlen('http://')),
  'SERVER_NAME' => '127.0.0.1',
  'SERVER_PROTOCOL' => 'HTTP/1.1',
  'REMOTE_ADDR' => '127.0.0.1',
  'REQUEST_URI' => '/',
  'SCRIPT_NAME' => '/index.php',
] + $_SERVER;

if (($argv[1] ?? '') === 'wordpress') {
  define('WP_INSTALLING', TRUE);
  require __DIR__ . '/web/wp-load.php';
  require_once ABSPATH . 'wp-admin/includes/upgrade.php';
  wp_install('CiviShare test site', 'admin', 'admin@example.org', TRUE, '', 'admin');
  exit(0);
}

if (($argv[1] ?? '') === 'finish') {
  require __DIR__ . '/bootstrap.php';
  // These ask other machines: for the newest version, for news, for pictures of users.
  CRM_Core_DAO::executeQuery("UPDATE civicrm_job SET is_active = 0 WHERE api_action = 'version_check'");
  CRM_Core_DAO::executeQuery("UPDATE civicrm_dashboard SET is_active = 0 WHERE name IN ('blog', 'getting-started')");
  update_option('show_avatars', 0);
  // The page that CiviCRM's clean URLs hang on; WordPress would make it at the administrator's first visit.
  civi_wp()->basepage->create_wp_basepage();
  update_option('civicrm_activation_create_basepage', 'done');
  update_option('permalink_structure', '/%postname%/');
  delete_option('civicrm_rules_flushed');
  delete_option('rewrite_rules');
  civicrm_api3('System', 'flush', ['triggers' => 1, 'session' => 1]);
  exit(0);
}

require __DIR__ . '/web/wp-load.php';
require_once ABSPATH . 'wp-admin/includes/plugin.php';
wp_set_current_user(1);
switch_theme('mini');
$activated = activate_plugin('civicrm/civicrm.php');
if (is_wp_error($activated)) {
  fwrite(STDERR, $activated->get_error_message() . "\n");
  exit(1);
}

$root = WP_PLUGIN_DIR . '/civicrm/civicrm';
require_once $root . '/CRM/Core/ClassLoader.php';
CRM_Core_ClassLoader::singleton()->register();
\Civi\Setup::assertProtocolCompatibility(1.0);
\Civi\Setup::init(['cms' => 'WordPress', 'srcPath' => $root, 'setupPath' => $root . '/setup']);
$model = \Civi\Setup::instance()->getModel();
$model->db = [
  'server' => HOST_SITE['db_host'],
  'username' => HOST_SITE['db_user'],
  'password' => HOST_SITE['db_password'],
  'database' => HOST_SITE['civicrm_db'],
];
$model->cmsDb = ['database' => HOST_SITE['wordpress_db']] + $model->db;
$model->siteKey = HOST_SITE['key'];
$model->components = ['CiviEvent', 'CiviContribute', 'CiviMember', 'CiviMail', 'CiviReport', 'CiviCase'];
foreach (\Civi\Setup::instance()->checkRequirements()->getErrors() as $error) {
  echo 'requirement not met: ', json_encode($error), "\n";
}
\Civi\Setup::instance()->installFiles();
\Civi\Setup::instance()->installDatabase();

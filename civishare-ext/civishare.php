<?php

/**
 * The hooks of CiviShare. Nothing is done here: each hands over to the class that does it.
 *
 * CRM_Share_Upgrader          tables, triggers, settings: made and taken away
 * Civi\Share\Admin\…          what an administrator sees: permissions, menu, jobs, System Status
 * Civi\Share\Journal\Triggers the triggers that note every write in its own transaction
 * Civi\Share\Detect\Detector  the edits of this request, recorded once they are committed
 */

require_once __DIR__ . '/CRM/Share/Autoload.php';
CRM_Share_Autoload::register();

function civishare_civicrm_config(&$config) {
  \Civi\Share\Admin\Paths::register();
}

function civishare_civicrm_install() {
  CRM_Share_Upgrader::instance()->install();
}

function civishare_civicrm_postInstall() {
  CRM_Share_Upgrader::instance()->postInstall();
}

function civishare_civicrm_enable() {
  CRM_Share_Upgrader::instance()->enable();
}

function civishare_civicrm_disable() {
  CRM_Share_Upgrader::instance()->disable();
}

function civishare_civicrm_uninstall() {
  CRM_Share_Upgrader::instance()->uninstall();
}

function civishare_civicrm_upgrade($op, ?CRM_Queue_Queue $queue = NULL) {
  return CRM_Share_Upgrader::instance()->upgrade($op, $queue);
}

function civishare_civicrm_entityTypes(&$entityTypes) {
  \Civi\Share\Admin\Register::entityTypes($entityTypes);
}

function civishare_civicrm_managed(&$entities) {
  \Civi\Share\Admin\Register::jobs($entities);
}

function civishare_civicrm_permission(&$permissions) {
  \Civi\Share\Admin\Register::permissions($permissions);
}

function civishare_civicrm_xmlMenu(&$files) {
  \Civi\Share\Admin\Register::menu($files);
}

function civishare_civicrm_navigationMenu(&$menu) {
  \Civi\Share\Admin\Register::navigation($menu);
}

function civishare_civicrm_alterSettingsFolders(&$folders) {
  \Civi\Share\Admin\Register::settings($folders);
}

function civishare_civicrm_check(&$messages, $statusNames = [], $includeDisabled = FALSE) {
  \Civi\Share\Admin\SystemStatus::check($messages);
}

function civishare_civicrm_cryptoRotateKey($tag, $log) {
  \Civi\Share\Secrets::rotate((string) $tag, $log);
}

function civishare_civicrm_triggerInfo(&$info, $tableName = NULL) {
  \Civi\Share\Journal\Triggers::info($info, $tableName);
}

function civishare_civicrm_alterLogTables(&$logTableSpec) {
  \Civi\Share\Journal\Triggers::keepOutOfLogging($logTableSpec);
}

function civishare_civicrm_pre($op, $objectName, $id, &$params) {
  \Civi\Share\Detect\Detector::pre($op, $objectName, $id, $params);
}

function civishare_civicrm_customPre($op, $groupID, $entityID, &$params) {
  \Civi\Share\Detect\Detector::customPre($op, $groupID, $entityID, $params);
}

function civishare_civicrm_custom($op, $groupID, $entityID, &$params) {
  \Civi\Share\Detect\Detector::custom($op, $groupID);
}

function civishare_civicrm_alterLocationMergeData(&$blocksDAO, $mainId, $otherId, $migrationInfo) {
  \Civi\Share\Detect\Detector::beforeMerge($mainId, $otherId);
}

function civishare_civicrm_merge($type, &$data, $mainId = NULL, $otherId = NULL, $tables = NULL) {
  \Civi\Share\Detect\Detector::merge($type, $data, $mainId, $otherId, $tables);
}

function civishare_civicrm_post($op, $objectName, $objectId, &$objectRef) {
  \Civi\Share\Hooks::post($op, $objectName);
}

function civishare_civicrm_idsException(&$skip) {
  \Civi\Share\Hooks::idsException($skip);
}

<?php

/**
 * What the tests ask of this extension stands in play.json beside this file:
 * {"key": …, "derive": TRUE if a first name is to set the job title too, "rename": letter that each first name gets at its end,
 * "refuse_once": first name whose first save in a process fails, "log": TRUE if saves are to be written down in saves.log}.
 */
function _civishare_e2e_play(): array {
  $json = @file_get_contents(__DIR__ . '/play.json');
  return $json === FALSE ? [] : (array) json_decode($json, TRUE);
}

function civishare_e2e_civicrm_config(&$config) {
  static $done = FALSE;
  if (!$done) {
    $done = TRUE;
    set_include_path(__DIR__ . PATH_SEPARATOR . get_include_path());
  }
}

function civishare_e2e_civicrm_xmlMenu(&$files) {
  $files[] = __DIR__ . '/menu.xml';
}

/**
 * Another extension's rules: the job title follows from the first name; the first name grows.
 */
function civishare_e2e_civicrm_pre($op, $objectName, $id, &$params) {
  if (is_array($params) && isset($params['civishare_cause'])) {
    throw new CRM_Core_Exception('what CiviShare notes beside a record is none of the business of other extensions');
  }
  if ($objectName !== 'Individual' || !is_array($params) || empty($params['first_name'])) {
    return;
  }
  $play = _civishare_e2e_play();
  static $refused = FALSE;
  if (!$refused && $params['first_name'] === ($play['refuse_once'] ?? NULL)) {
    $refused = TRUE;
    throw new CRM_Core_Exception('not this time');
  }
  if (!empty($play['rename'])) {
    $params['first_name'] .= $play['rename'];
  }
  if (!empty($play['derive'])) {
    $params['job_title'] = 'Job of ' . $params['first_name'];
  }
}

function civishare_e2e_civicrm_post($op, $objectName, $objectId, &$objectRef) {
  if ($objectName === 'Individual' && !empty(_civishare_e2e_play()['log'])) {
    file_put_contents(__DIR__ . '/saves.log', ($op === 'update' ? 'edit' : $op) . " $objectId\n", FILE_APPEND);
  }
}

/**
 * Change types of another extension. An attribute of the one is of some later CiviCRM; what the other is about is switched off.
 */
function civishare_e2e_civishare_types(&$types) {
  $types['org.example.change.message_template.base'] = [
    'name' => 'org.example.change.message_template.base',
    'entity' => 'MessageTemplate',
    'dao' => 'CRM_Core_DAO_MessageTemplate',
    'table' => 'civicrm_msg_template',
    'match' => [['msg_title']],
    'attributes' => [
      'msg_title' => ['kind' => 'string'],
      'msg_subject' => ['kind' => 'string'],
      'msg_text' => ['kind' => 'string', 'markup' => TRUE],
      'is_active' => ['kind' => 'bool', 'default' => TRUE],
      'msg_hologram' => ['kind' => 'string'],
    ],
  ];
  $types['org.example.change.ghost.base'] = [
    'name' => 'org.example.change.ghost.base',
    'entity' => 'Ghost',
    'dao' => 'CRM_Nowhere_DAO_Ghost',
    'table' => 'civicrm_ghost',
    'attributes' => ['name' => ['kind' => 'string']],
  ];
}

<?php

/**
 * Cases. Who and which activities belong to them are types of their own, case roles are relationships.
 */
return [
  'name' => 'civishare.change.case.base',
  'entity' => 'Case',
  'dao' => 'CRM_Case_DAO_Case',
  'table' => 'civicrm_case',
  'custom' => ['Case'],
  // The API opens the case anew, with activities of its own.
  'writer' => \Civi\Share\Apply\DaoWriter::class,
  'attributes' => [
    'case_type_id:name' => ['kind' => 'option', 'options' => '@case_type'],
    'subject' => ['kind' => 'string'],
    'start_date' => ['kind' => 'date'],
    'end_date' => ['kind' => 'date'],
    'details' => ['kind' => 'string', 'markup' => TRUE],
    'status_id:name' => ['kind' => 'option', 'options' => 'case_status'],
    'is_deleted' => ['kind' => 'bool', 'default' => FALSE],
  ],
];

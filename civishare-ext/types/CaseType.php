<?php

/**
 * Types of cases, told apart by name. The activity and relationship types that their definition names have to be there.
 */
return [
  'name' => 'civishare.change.case_type.base',
  'entity' => 'CaseType',
  'dao' => 'CRM_Case_DAO_CaseType',
  'table' => 'civicrm_case_type',
  // The API stores the angle brackets of a definition as entities.
  'writer' => \Civi\Share\Apply\DaoWriter::class,
  'unique' => [['name']],
  'attributes' => [
    'name' => ['kind' => 'string'],
    'title' => ['kind' => 'string'],
    'description' => ['kind' => 'string'],
    'is_active' => ['kind' => 'bool', 'default' => FALSE],
    'is_reserved' => ['kind' => 'bool', 'default' => FALSE],
    'weight' => ['kind' => 'int', 'follows' => TRUE, 'default' => 1],
    'definition' => ['kind' => 'string', 'markup' => TRUE],
  ],
];

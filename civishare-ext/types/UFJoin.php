<?php

/**
 * Where profiles are used: by a module of CiviCRM, or by an event, a contribution page or a survey.
 */
return [
  'name' => 'civishare.change.uf_join.base',
  'entity' => 'UFJoin',
  'dao' => 'CRM_Core_DAO_UFJoin',
  'table' => 'civicrm_uf_join',
  // Both APIs delete the row where an update does not name the profile, and take another row for the same.
  'writer' => \Civi\Share\Apply\DaoWriter::class,
  'unique' => [['module', 'uf_group_id', 'entity_table', 'entity_id']],
  'attributes' => [
    'uf_group_id' => ['kind' => 'reference', 'refers' => 'UFGroup', 'required' => TRUE, 'parent' => TRUE],
    'module' => ['kind' => 'string'],
    'entity_table' => ['kind' => 'string'],
    'entity_id' => ['kind' => 'reference', 'by' => 'entity_table', 'required' => TRUE],
    'is_active' => ['kind' => 'bool', 'default' => TRUE],
    'weight' => ['kind' => 'int', 'follows' => TRUE],
  ],
];

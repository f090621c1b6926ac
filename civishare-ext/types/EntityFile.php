<?php

/**
 * What a file is attached to. Files of custom fields are referred to by these.
 */
return [
  'name' => 'civishare.change.entity_file.base',
  'entity' => 'EntityFile',
  'dao' => 'CRM_Core_DAO_EntityFile',
  'table' => 'civicrm_entity_file',
  'writer' => \Civi\Share\Apply\DaoWriter::class,
  'unique' => [['entity_table', 'entity_id', 'file_id']],
  'attributes' => [
    'entity_table' => ['kind' => 'string'],
    'entity_id' => ['kind' => 'reference', 'by' => 'entity_table', 'required' => TRUE],
    'file_id' => ['kind' => 'reference', 'refers' => 'File', 'required' => TRUE, 'parent' => TRUE],
  ],
];

<?php

/**
 * Which tags a contact, or whatever else is shared, bears.
 */
return [
  'name' => 'civishare.change.contact.tag',
  'entity' => 'EntityTag',
  'dao' => 'CRM_Core_DAO_EntityTag',
  'table' => 'civicrm_entity_tag',
  'odd_hooks' => TRUE,
  'keep' => ['entity_table', 'entity_id', 'tag_id'],
  'unique' => [['tag_id', 'entity_table', 'entity_id']],
  'twins' => ['entity_id' => ['entity_table', 'tag_id']],
  'attributes' => [
    'entity_table' => ['kind' => 'string'],
    'entity_id' => ['kind' => 'reference', 'by' => 'entity_table', 'required' => TRUE],
    'tag_id' => ['kind' => 'reference', 'refers' => 'Tag', 'required' => TRUE, 'parent' => TRUE],
  ],
];

<?php

/**
 * Access control lists: who may see and edit what. Roles go by name, "all" as such.
 */
return [
  'name' => 'civishare.change.acl.base',
  'entity' => 'ACL',
  'dao' => 'CRM_ACL_DAO_ACL',
  'table' => 'civicrm_acl',
  'explicit' => TRUE,
  'match' => [['name', 'entity_id:name', 'operation', 'object_table', 'object_id']],
  'attributes' => [
    'name' => ['kind' => 'string'],
    'deny' => ['kind' => 'bool', 'default' => FALSE],
    'entity_table' => ['kind' => 'string'],
    'entity_id:name' => ['kind' => 'option', 'options' => 'acl_role'],
    'operation' => ['kind' => 'string'],
    'object_table' => ['kind' => 'string'],
    'object_id' => [
      'kind' => 'reference',
      'by' => 'object_table',
      // Groups have stood here under this name since they had no table of their own.
      'targets' => ['civicrm_saved_search' => 'Group', 'civicrm_group' => 'Group', 'civicrm_uf_group' => 'UFGroup', 'civicrm_custom_group' => 'CustomGroup', 'civicrm_event' => 'Event'],
      'zero' => TRUE,
      'required' => TRUE,
    ],
    'is_active' => ['kind' => 'bool', 'default' => FALSE],
  ],
];

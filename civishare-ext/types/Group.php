<?php

/**
 * Groups and mailing lists. Two sites' groups of the same name are one.
 */
return [
  'name' => 'civishare.change.group.base',
  'entity' => 'Group',
  'dao' => 'CRM_Contact_DAO_Group',
  'table' => 'civicrm_group',
  'custom' => ['Group'],
  'unique' => [['name']],
  'attributes' => [
    'name' => ['kind' => 'string'],
    'title' => ['kind' => 'string'],
    'description' => ['kind' => 'string'],
    'source' => ['kind' => 'string'],
    'saved_search_id' => ['kind' => 'reference', 'refers' => 'SavedSearch'],
    'is_active' => ['kind' => 'bool', 'default' => FALSE],
    'visibility' => ['kind' => 'string', 'default' => 'User and User Admin Only'],
    'group_type:name' => ['kind' => 'option', 'options' => 'group_type', 'multiple' => TRUE],
    'is_hidden' => ['kind' => 'bool', 'default' => FALSE],
    'is_reserved' => ['kind' => 'bool', 'default' => FALSE],
    'frontend_title' => ['kind' => 'string'],
    'frontend_description' => ['kind' => 'string'],
  ],
];

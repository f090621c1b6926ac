<?php

/**
 * Sets of custom fields, told apart by name. Making one makes a table, so it is applied alone.
 */
return [
  'name' => 'civishare.change.custom_group.base',
  'entity' => 'CustomGroup',
  'dao' => 'CRM_Core_DAO_CustomGroup',
  'table' => 'civicrm_custom_group',
  // Version 4 of 5.33 takes no string for what the group extends.
  'writer' => 'api3',
  // The API wants to be told, and what is the default does not travel.
  'create' => ['extends' => 'Contact'],
  'alone' => TRUE,
  'unique' => [['name']],
  'attributes' => [
    'name' => ['kind' => 'string'],
    'title' => ['kind' => 'string'],
    'extends' => ['kind' => 'string', 'default' => 'Contact'],
    'style' => ['kind' => 'string'],
    'collapse_display' => ['kind' => 'bool', 'default' => FALSE],
    'help_pre' => ['kind' => 'string', 'markup' => TRUE],
    'help_post' => ['kind' => 'string', 'markup' => TRUE],
    'weight' => ['kind' => 'int', 'follows' => TRUE],
    'is_active' => ['kind' => 'bool', 'default' => TRUE],
    'is_multiple' => ['kind' => 'bool', 'default' => FALSE],
    'min_multiple' => ['kind' => 'int'],
    'max_multiple' => ['kind' => 'int'],
    'collapse_adv_display' => ['kind' => 'bool', 'default' => FALSE],
    'is_reserved' => ['kind' => 'bool', 'default' => FALSE],
    'is_public' => ['kind' => 'bool', 'default' => TRUE],
    'icon' => ['kind' => 'string'],
  ],
];

<?php

/**
 * Lists of options, told apart by name.
 */
return [
  'name' => 'civishare.change.option_group.base',
  'entity' => 'OptionGroup',
  'dao' => 'CRM_Core_DAO_OptionGroup',
  'table' => 'civicrm_option_group',
  'unique' => [['name']],
  'attributes' => [
    'name' => ['kind' => 'string'],
    'title' => ['kind' => 'string'],
    'description' => ['kind' => 'string'],
    'data_type' => ['kind' => 'string'],
    'is_reserved' => ['kind' => 'bool', 'default' => TRUE],
    'is_active' => ['kind' => 'bool', 'default' => TRUE],
    'is_locked' => ['kind' => 'bool', 'default' => FALSE],
  ],
];

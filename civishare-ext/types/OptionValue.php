<?php

/**
 * Options, told apart by list and name. Their values are numbers that each site gives for itself.
 */
return [
  'name' => 'civishare.change.option_value.base',
  'entity' => 'OptionValue',
  'dao' => 'CRM_Core_DAO_OptionValue',
  'table' => 'civicrm_option_value',
  'unique' => [['name', 'option_group_id']],
  'attributes' => [
    'option_group_id' => ['kind' => 'reference', 'refers' => 'OptionGroup', 'required' => TRUE, 'parent' => TRUE],
    'name' => ['kind' => 'string'],
    'label' => ['kind' => 'string'],
    'grouping' => ['kind' => 'string'],
    'filter' => ['kind' => 'int', 'default' => 0],
    'weight' => ['kind' => 'int', 'follows' => TRUE],
    'description' => ['kind' => 'string'],
    'is_optgroup' => ['kind' => 'bool', 'default' => FALSE],
    'is_reserved' => ['kind' => 'bool', 'default' => FALSE],
    'is_active' => ['kind' => 'bool', 'default' => TRUE],
    'component_id:name' => ['kind' => 'option', 'options' => '@component'],
    'icon' => ['kind' => 'string'],
    'color' => ['kind' => 'string'],
  ],
];

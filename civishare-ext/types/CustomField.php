<?php

/**
 * Custom fields, told apart by set and name. Making one alters a table, so it is applied alone.
 */
return [
  'name' => 'civishare.change.custom_field.base',
  'entity' => 'CustomField',
  'dao' => 'CRM_Core_DAO_CustomField',
  'table' => 'civicrm_custom_field',
  'writer' => 'api3',
  'alone' => TRUE,
  'unique' => [['name', 'custom_group_id']],
  'attributes' => [
    'custom_group_id' => ['kind' => 'reference', 'refers' => 'CustomGroup', 'required' => TRUE, 'parent' => TRUE],
    'name' => ['kind' => 'string'],
    'label' => ['kind' => 'string'],
    'data_type' => ['kind' => 'string'],
    'html_type' => ['kind' => 'string'],
    'default_value' => ['kind' => 'string'],
    'is_required' => ['kind' => 'bool', 'default' => FALSE],
    'is_searchable' => ['kind' => 'bool', 'default' => FALSE],
    'is_search_range' => ['kind' => 'bool', 'default' => FALSE],
    'weight' => ['kind' => 'int', 'follows' => TRUE],
    'help_pre' => ['kind' => 'string', 'markup' => TRUE],
    'help_post' => ['kind' => 'string', 'markup' => TRUE],
    'attributes' => ['kind' => 'string'],
    'is_active' => ['kind' => 'bool', 'default' => TRUE],
    'is_view' => ['kind' => 'bool', 'default' => FALSE],
    'options_per_line' => ['kind' => 'int'],
    'text_length' => ['kind' => 'int'],
    'start_date_years' => ['kind' => 'int'],
    'end_date_years' => ['kind' => 'int'],
    'date_format' => ['kind' => 'string'],
    'time_format' => ['kind' => 'int'],
    'note_columns' => ['kind' => 'int'],
    'note_rows' => ['kind' => 'int'],
    'option_group_id' => ['kind' => 'reference', 'refers' => 'OptionGroup'],
    'serialize' => ['kind' => 'int', 'default' => 0],
    'filter' => ['kind' => 'string'],
    'in_selector' => ['kind' => 'bool', 'default' => FALSE],
  ],
];

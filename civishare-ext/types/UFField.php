<?php

/**
 * Fields of profiles; custom fields go by the name of their set and their own.
 */
return [
  'name' => 'civishare.change.uf_field.base',
  'entity' => 'UFField',
  'dao' => 'CRM_Core_DAO_UFField',
  'table' => 'civicrm_uf_field',
  'unique' => [['field_name', 'uf_group_id', 'location_type_id:name', 'phone_type_id:name', 'website_type_id:name']],
  'attributes' => [
    'uf_group_id' => ['kind' => 'reference', 'refers' => 'UFGroup', 'required' => TRUE, 'parent' => TRUE],
    'field_name' => ['kind' => 'field'],
    'label' => ['kind' => 'string'],
    'field_type' => ['kind' => 'string'],
    'is_active' => ['kind' => 'bool', 'default' => TRUE],
    'is_view' => ['kind' => 'bool', 'default' => FALSE],
    'is_required' => ['kind' => 'bool', 'default' => FALSE],
    'weight' => ['kind' => 'int', 'follows' => TRUE],
    'help_pre' => ['kind' => 'string', 'markup' => TRUE],
    'help_post' => ['kind' => 'string', 'markup' => TRUE],
    'visibility' => ['kind' => 'string', 'default' => 'User and User Admin Only'],
    'in_selector' => ['kind' => 'bool', 'default' => FALSE],
    'is_searchable' => ['kind' => 'bool', 'default' => FALSE],
    'location_type_id:name' => ['kind' => 'option', 'options' => '@location_type'],
    'phone_type_id:name' => ['kind' => 'option', 'options' => 'phone_type'],
    'website_type_id:name' => ['kind' => 'option', 'options' => 'website_type'],
    'is_multi_summary' => ['kind' => 'bool', 'default' => FALSE],
  ],
];

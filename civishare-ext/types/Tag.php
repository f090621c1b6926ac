<?php

/**
 * Tags and tag sets. Two sites' tags of the same name are one.
 */
return [
  'name' => 'civishare.change.tag.base',
  'entity' => 'Tag',
  'dao' => 'CRM_Core_DAO_Tag',
  'table' => 'civicrm_tag',
  'unique' => [['name']],
  'attributes' => [
    'name' => ['kind' => 'string'],
    'label' => ['kind' => 'string'],
    'description' => ['kind' => 'string'],
    'parent_id' => ['kind' => 'reference', 'refers' => 'Tag'],
    'is_selectable' => ['kind' => 'bool', 'default' => TRUE],
    'is_reserved' => ['kind' => 'bool', 'default' => FALSE],
    'is_tagset' => ['kind' => 'bool', 'default' => FALSE],
    'used_for' => ['kind' => 'string'],
    'color' => ['kind' => 'string'],
  ],
];

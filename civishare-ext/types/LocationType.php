<?php

/**
 * Types of locations (home, work), told apart by name. Which one is the default each site says for itself.
 */
return [
  'name' => 'civishare.change.location_type.base',
  'entity' => 'LocationType',
  'dao' => 'CRM_Core_DAO_LocationType',
  'table' => 'civicrm_location_type',
  'unique' => [['name']],
  'attributes' => [
    'name' => ['kind' => 'string'],
    'display_name' => ['kind' => 'string'],
    'vcard_name' => ['kind' => 'string'],
    'description' => ['kind' => 'string'],
    'is_active' => ['kind' => 'bool', 'default' => FALSE],
  ],
];

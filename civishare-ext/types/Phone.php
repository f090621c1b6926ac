<?php

/**
 * Telephone numbers of contacts. The digits alone (phone_numeric) each database works out by itself.
 */
return [
  'name' => 'civishare.change.contact.phone',
  'entity' => 'Phone',
  'dao' => 'CRM_Core_DAO_Phone',
  'table' => 'civicrm_phone',
  'match' => [['contact_id', 'location_type_id:name', 'phone_type_id:name', 'phone']],
  'slot' => ['location_type_id', 'phone_type_id'],
  'attributes' => [
    'contact_id' => ['kind' => 'reference', 'refers' => 'Contact', 'required' => TRUE, 'parent' => TRUE],
    'location_type_id:name' => ['kind' => 'option', 'options' => '@location_type'],
    'phone_type_id:name' => ['kind' => 'option', 'options' => 'phone_type'],
    'phone' => ['kind' => 'string'],
    'phone_ext' => ['kind' => 'string'],
    'mobile_provider_id:name' => ['kind' => 'option', 'options' => 'mobile_provider'],
    'is_primary' => ['kind' => 'bool', 'default' => FALSE, 'chosen' => TRUE],
    'is_billing' => ['kind' => 'bool', 'default' => FALSE, 'follows' => TRUE],
  ],
];

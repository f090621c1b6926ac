<?php

/**
 * Instant messenger accounts of contacts.
 */
return [
  'name' => 'civishare.change.contact.im',
  'entity' => 'IM',
  'dao' => 'CRM_Core_DAO_IM',
  'table' => 'civicrm_im',
  'match' => [['contact_id', 'location_type_id:name', 'provider_id:name', 'name']],
  'slot' => ['location_type_id', 'provider_id'],
  'attributes' => [
    'contact_id' => ['kind' => 'reference', 'refers' => 'Contact', 'required' => TRUE, 'parent' => TRUE],
    'location_type_id:name' => ['kind' => 'option', 'options' => '@location_type'],
    'provider_id:name' => ['kind' => 'option', 'options' => 'instant_messenger_service'],
    'name' => ['kind' => 'string'],
    'is_primary' => ['kind' => 'bool', 'default' => FALSE, 'chosen' => TRUE],
    'is_billing' => ['kind' => 'bool', 'default' => FALSE, 'follows' => TRUE],
  ],
];

<?php

/**
 * Email addresses of contacts.
 *
 * Left out: what CiviCRM writes down while it delivers mail from this very site, except that an address is on hold.
 */
return [
  'name' => 'civishare.change.contact.email',
  'entity' => 'Email',
  'dao' => 'CRM_Core_DAO_Email',
  'table' => 'civicrm_email',
  'match' => [['contact_id', 'location_type_id:name', 'email'], ['contact_id', 'email']],
  'slot' => ['location_type_id'],
  'attributes' => [
    'contact_id' => ['kind' => 'reference', 'refers' => 'Contact', 'required' => TRUE, 'parent' => TRUE],
    'location_type_id:name' => ['kind' => 'option', 'options' => '@location_type'],
    'email' => ['kind' => 'string'],
    'is_primary' => ['kind' => 'bool', 'default' => FALSE, 'chosen' => TRUE],
    'is_billing' => ['kind' => 'bool', 'default' => FALSE, 'follows' => TRUE],
    'on_hold' => ['kind' => 'int', 'default' => 0],
    'is_bulkmail' => ['kind' => 'bool', 'default' => FALSE, 'follows' => TRUE, 'apart' => TRUE],
    'hold_date' => ['kind' => 'time', 'exact' => TRUE],
    'reset_date' => ['kind' => 'time', 'exact' => TRUE],
    'signature_text' => ['kind' => 'string'],
    'signature_html' => ['kind' => 'string', 'markup' => TRUE],
  ],
];

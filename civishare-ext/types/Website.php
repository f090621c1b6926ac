<?php

/**
 * Websites of contacts.
 */
return [
  'name' => 'civishare.change.contact.website',
  'entity' => 'Website',
  'dao' => 'CRM_Core_DAO_Website',
  'table' => 'civicrm_website',
  'match' => [['contact_id', 'website_type_id:name', 'url']],
  'slot' => ['website_type_id'],
  'attributes' => [
    'contact_id' => ['kind' => 'reference', 'refers' => 'Contact', 'required' => TRUE, 'parent' => TRUE],
    'website_type_id:name' => ['kind' => 'option', 'options' => 'website_type'],
    'url' => ['kind' => 'string'],
  ],
];

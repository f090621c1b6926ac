<?php

/**
 * Notes on contacts and on whatever else is shared. Who wrote one is left open where that contact is not shared.
 */
return [
  'name' => 'civishare.change.contact.note',
  'entity' => 'Note',
  'dao' => 'CRM_Core_DAO_Note',
  'table' => 'civicrm_note',
  'match' => [['entity_table', 'entity_id', 'subject', 'note']],
  'attributes' => [
    'entity_table' => ['kind' => 'string'],
    'entity_id' => ['kind' => 'reference', 'by' => 'entity_table', 'required' => TRUE],
    'subject' => ['kind' => 'string'],
    'note' => ['kind' => 'string'],
    'note_date' => ['kind' => 'time'],
    'contact_id' => ['kind' => 'reference', 'refers' => 'Contact'],
    'privacy:name' => ['kind' => 'option', 'options' => 'note_privacy'],
  ],
];

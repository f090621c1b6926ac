<?php

/**
 * Saved searches, which smart groups are made of. IDs in the criteria mean this site's; searches by name or date travel well.
 */
return [
  'name' => 'civishare.change.saved_search.base',
  'entity' => 'SavedSearch',
  'dao' => 'CRM_Contact_DAO_SavedSearch',
  'table' => 'civicrm_saved_search',
  'unique' => [['name']],
  'attributes' => [
    'name' => ['kind' => 'string'],
    'label' => ['kind' => 'string'],
    'form_values' => ['kind' => 'serialized'],
    'api_entity' => ['kind' => 'string'],
    'api_params' => ['kind' => 'json'],
  ],
];

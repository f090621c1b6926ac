<?php

/**
 * Surveys and petitions, without when to ask again.
 */
return [
  'name' => 'civishare.change.survey.base',
  'entity' => 'Survey',
  'dao' => 'CRM_Campaign_DAO_Survey',
  'table' => 'civicrm_survey',
  'match' => [['title', 'activity_type_id:name']],
  'attributes' => [
    'title' => ['kind' => 'string'],
    'campaign_id' => ['kind' => 'reference', 'refers' => 'Campaign'],
    'activity_type_id:name' => ['kind' => 'option', 'options' => 'activity_type'],
    'instructions' => ['kind' => 'string', 'markup' => TRUE],
    'release_frequency' => ['kind' => 'int'],
    'max_number_of_contacts' => ['kind' => 'int'],
    'default_number_of_contacts' => ['kind' => 'int'],
    'is_active' => ['kind' => 'bool', 'default' => TRUE],
    'is_default' => ['kind' => 'bool', 'default' => FALSE, 'follows' => TRUE],
    'result_id' => ['kind' => 'reference', 'refers' => 'OptionGroup'],
    'bypass_confirm' => ['kind' => 'bool', 'default' => FALSE],
    'thankyou_title' => ['kind' => 'string'],
    'thankyou_text' => ['kind' => 'string', 'markup' => TRUE],
    'is_share' => ['kind' => 'bool', 'default' => TRUE],
  ],
];

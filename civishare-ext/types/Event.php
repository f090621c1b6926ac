<?php

/**
 * Events, without their places, fees and mails, which belong to the site that holds the registration.
 */
return [
  'name' => 'civishare.change.event.base',
  'entity' => 'Event',
  'dao' => 'CRM_Event_DAO_Event',
  'table' => 'civicrm_event',
  'custom' => ['Event'],
  'match' => [['title', 'event_type_id:name', 'start_date']],
  'attributes' => [
    'title' => ['kind' => 'string'],
    'summary' => ['kind' => 'string'],
    'description' => ['kind' => 'string', 'markup' => TRUE],
    'event_type_id:name' => ['kind' => 'option', 'options' => 'event_type'],
    'participant_listing_id:name' => ['kind' => 'option', 'options' => 'participant_listing'],
    'is_public' => ['kind' => 'bool', 'default' => TRUE],
    'start_date' => ['kind' => 'time'],
    'end_date' => ['kind' => 'time'],
    'registration_start_date' => ['kind' => 'time'],
    'registration_end_date' => ['kind' => 'time'],
    'max_participants' => ['kind' => 'int'],
    'event_full_text' => ['kind' => 'string'],
    'is_monetary' => ['kind' => 'bool', 'default' => FALSE],
    'financial_type_id:name' => ['kind' => 'option', 'options' => '@financial_type'],
    'is_map' => ['kind' => 'bool', 'default' => FALSE],
    'is_active' => ['kind' => 'bool', 'default' => FALSE],
    'fee_label' => ['kind' => 'string'],
    'is_show_location' => ['kind' => 'bool', 'default' => TRUE],
    'default_role_id:name' => ['kind' => 'option', 'options' => 'participant_role'],
    'intro_text' => ['kind' => 'string', 'markup' => TRUE],
    'footer_text' => ['kind' => 'string', 'markup' => TRUE],
    'is_template' => ['kind' => 'bool', 'default' => FALSE],
    'template_title' => ['kind' => 'string'],
    'currency' => ['kind' => 'string'],
    'campaign_id' => ['kind' => 'reference', 'refers' => 'Campaign'],
    'parent_event_id' => ['kind' => 'reference', 'refers' => 'Event'],
  ],
];

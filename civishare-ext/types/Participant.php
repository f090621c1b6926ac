<?php

/**
 * Who takes part in an event.
 */
return [
  'name' => 'civishare.change.participant.base',
  'entity' => 'Participant',
  'dao' => 'CRM_Event_DAO_Participant',
  'table' => 'civicrm_participant',
  'custom' => ['Participant'],
  'match' => [['contact_id', 'event_id']],
  'attributes' => [
    'contact_id' => ['kind' => 'reference', 'refers' => 'Contact', 'required' => TRUE, 'parent' => TRUE],
    'event_id' => ['kind' => 'reference', 'refers' => 'Event', 'required' => TRUE, 'parent' => TRUE],
    'status_id:name' => ['kind' => 'option', 'options' => '@participant_status'],
    'role_id:name' => ['kind' => 'option', 'options' => 'participant_role', 'multiple' => TRUE],
    'register_date' => ['kind' => 'time'],
    'source' => ['kind' => 'string'],
    'fee_level' => ['kind' => 'string'],
    'is_test' => ['kind' => 'bool', 'default' => FALSE],
    'is_pay_later' => ['kind' => 'bool', 'default' => FALSE],
    'fee_amount' => ['kind' => 'decimal'],
    'fee_currency' => ['kind' => 'string'],
    'registered_by_id' => ['kind' => 'reference', 'refers' => 'Participant'],
    'campaign_id' => ['kind' => 'reference', 'refers' => 'Campaign'],
    'transferred_to_contact_id' => ['kind' => 'reference', 'refers' => 'Contact'],
  ],
];

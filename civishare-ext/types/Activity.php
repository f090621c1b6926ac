<?php

/**
 * Activities with the contacts that take part. Files and what belongs to a case come with types of their own.
 */
return [
  'name' => 'civishare.change.activity.base',
  'entity' => 'Activity',
  'dao' => 'CRM_Activity_DAO_Activity',
  'table' => 'civicrm_activity',
  'custom' => ['Activity'],
  'about' => ['target_contact_id', 'assignee_contact_id', 'source_contact_id'],
  // CiviCRM writes one by itself for each contribution, membership and registration, on every site. That of a contribution has its date,
  // and a subject that changes with it, and that says "$ 33" where a form was used and "$ 33.00" elsewhere.
  'unique' => [['source_record_id', 'activity_type_id:name', 'subject'], ['source_record_id', 'activity_type_id:name', 'activity_date_time']],
  // Who added it may be deleted for good or not be shared.
  'stand_in' => ['source_contact_id'],
  'attributes' => [
    'activity_type_id:name' => ['kind' => 'option', 'options' => 'activity_type'],
    'source_record_id' => [
      'kind' => 'reference',
      'by' => 'activity_type_id',
      'target_options' => 'activity_type',
      'targets' => [
        'Contribution' => 'Contribution',
        'Membership Signup' => 'Membership',
        'Membership Renewal' => 'Membership',
        'Change Membership Status' => 'Membership',
        'Change Membership Type' => 'Membership',
        'Event Registration' => 'Participant',
        'Pledge Acknowledgment' => 'Pledge',
        'Pledge Reminder' => 'Pledge',
      ],
    ],
    'subject' => ['kind' => 'string'],
    'activity_date_time' => ['kind' => 'time'],
    'duration' => ['kind' => 'int'],
    'location' => ['kind' => 'string'],
    'phone_number' => ['kind' => 'string'],
    'details' => ['kind' => 'string', 'markup' => TRUE],
    'status_id:name' => ['kind' => 'option', 'options' => 'activity_status'],
    'priority_id:name' => ['kind' => 'option', 'options' => 'priority'],
    'medium_id:name' => ['kind' => 'option', 'options' => 'encounter_medium'],
    'parent_id' => ['kind' => 'reference', 'refers' => 'Activity'],
    'relationship_id' => ['kind' => 'reference', 'refers' => 'Relationship'],
    'campaign_id' => ['kind' => 'reference', 'refers' => 'Campaign'],
    'is_test' => ['kind' => 'bool', 'default' => FALSE],
    'is_auto' => ['kind' => 'bool', 'default' => FALSE],
    'is_current_revision' => ['kind' => 'bool', 'default' => TRUE],
    'original_id' => ['kind' => 'reference', 'refers' => 'Activity'],
    'result' => ['kind' => 'string'],
    'is_deleted' => ['kind' => 'bool', 'default' => FALSE],
    'engagement_level' => ['kind' => 'int'],
    'weight' => ['kind' => 'int'],
    'is_star' => ['kind' => 'bool', 'default' => FALSE],
    'assignee_contact_id' => [
      'kind' => 'reference',
      'refers' => 'Contact',
      'through' => ['table' => 'civicrm_activity_contact', 'key' => 'activity_id', 'column' => 'contact_id', 'where' => ['record_type_id' => 1]],
    ],
    'source_contact_id' => [
      'kind' => 'reference',
      'refers' => 'Contact',
      'multiple' => FALSE,
      'through' => ['table' => 'civicrm_activity_contact', 'key' => 'activity_id', 'column' => 'contact_id', 'where' => ['record_type_id' => 2]],
    ],
    'target_contact_id' => [
      'kind' => 'reference',
      'refers' => 'Contact',
      'through' => ['table' => 'civicrm_activity_contact', 'key' => 'activity_id', 'column' => 'contact_id', 'where' => ['record_type_id' => 3]],
    ],
  ],
];

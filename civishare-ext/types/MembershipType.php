<?php

/**
 * Types of membership, told apart by name.
 */
return [
  'name' => 'civishare.change.membership_type.base',
  'entity' => 'MembershipType',
  'dao' => 'CRM_Member_DAO_MembershipType',
  'table' => 'civicrm_membership_type',
  'unique' => [['name']],
  // Which domain of the site it is for no peer can know.
  'create' => ['domain_id' => 1],
  'attributes' => [
    'name' => ['kind' => 'string'],
    'description' => ['kind' => 'string'],
    'member_of_contact_id' => ['kind' => 'reference', 'refers' => 'Contact', 'required' => TRUE],
    'financial_type_id:name' => ['kind' => 'option', 'options' => '@financial_type'],
    'minimum_fee' => ['kind' => 'decimal', 'default' => '0'],
    'duration_unit' => ['kind' => 'string'],
    'duration_interval' => ['kind' => 'int'],
    'period_type' => ['kind' => 'string'],
    'fixed_period_start_day' => ['kind' => 'int'],
    'fixed_period_rollover_day' => ['kind' => 'int'],
    'max_related' => ['kind' => 'int'],
    'visibility' => ['kind' => 'string'],
    'weight' => ['kind' => 'int', 'follows' => TRUE],
    'receipt_text_signup' => ['kind' => 'string'],
    'receipt_text_renewal' => ['kind' => 'string'],
    'is_active' => ['kind' => 'bool', 'default' => TRUE],
  ],
];

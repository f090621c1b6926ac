<?php

/**
 * Memberships. Their types and statuses go by name; a status is taken as it comes, not worked out anew.
 */
return [
  'name' => 'civishare.change.membership.base',
  'entity' => 'Membership',
  'dao' => 'CRM_Member_DAO_Membership',
  'table' => 'civicrm_membership',
  'custom' => ['Membership'],
  // Version 4, where there is one, asks for no status either, but works it out.
  'writer' => 'api3',
  'write' => ['skipStatusCal' => 1],
  'match' => [['contact_id', 'membership_type_id:name', 'start_date']],
  'attributes' => [
    'contact_id' => ['kind' => 'reference', 'refers' => 'Contact', 'required' => TRUE, 'parent' => TRUE],
    'membership_type_id:name' => ['kind' => 'option', 'options' => '@membership_type'],
    'join_date' => ['kind' => 'date'],
    'start_date' => ['kind' => 'date'],
    'end_date' => ['kind' => 'date'],
    'source' => ['kind' => 'string'],
    'status_id:name' => ['kind' => 'option', 'options' => '@membership_status'],
    'is_override' => ['kind' => 'bool', 'default' => FALSE],
    'status_override_end_date' => ['kind' => 'date'],
    'owner_membership_id' => ['kind' => 'reference', 'refers' => 'Membership'],
    'max_related' => ['kind' => 'int'],
    'is_test' => ['kind' => 'bool', 'default' => FALSE],
    'is_pay_later' => ['kind' => 'bool', 'default' => FALSE],
    'contribution_recur_id' => ['kind' => 'reference', 'refers' => 'ContributionRecur'],
    'campaign_id' => ['kind' => 'reference', 'refers' => 'Campaign'],
  ],
];

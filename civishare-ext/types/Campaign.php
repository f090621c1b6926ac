<?php

/**
 * Campaigns, told apart by name.
 */
return [
  'name' => 'civishare.change.campaign.base',
  'entity' => 'Campaign',
  'dao' => 'CRM_Campaign_DAO_Campaign',
  'table' => 'civicrm_campaign',
  'custom' => ['Campaign'],
  'unique' => [['name']],
  'attributes' => [
    'name' => ['kind' => 'string'],
    'title' => ['kind' => 'string'],
    'description' => ['kind' => 'string'],
    'start_date' => ['kind' => 'time'],
    'end_date' => ['kind' => 'time'],
    'campaign_type_id:name' => ['kind' => 'option', 'options' => 'campaign_type'],
    'status_id:name' => ['kind' => 'option', 'options' => 'campaign_status'],
    'parent_id' => ['kind' => 'reference', 'refers' => 'Campaign'],
    'is_active' => ['kind' => 'bool', 'default' => TRUE],
    'goal_general' => ['kind' => 'string', 'markup' => TRUE],
    'goal_revenue' => ['kind' => 'decimal'],
  ],
];

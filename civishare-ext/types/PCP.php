<?php

/**
 * Personal campaign pages.
 */
return [
  'name' => 'civishare.change.pcp.base',
  'entity' => 'PCP',
  'dao' => 'CRM_PCP_DAO_PCP',
  'table' => 'civicrm_pcp',
  'writer' => \Civi\Share\Apply\DaoWriter::class,
  'match' => [['contact_id', 'page_type', 'page_id', 'title']],
  'attributes' => [
    'contact_id' => ['kind' => 'reference', 'refers' => 'Contact', 'required' => TRUE, 'parent' => TRUE],
    'status_id:name' => ['kind' => 'option', 'options' => 'pcp_status'],
    'title' => ['kind' => 'string'],
    'intro_text' => ['kind' => 'string'],
    'page_text' => ['kind' => 'string', 'markup' => TRUE],
    'donate_link_text' => ['kind' => 'string'],
    'page_type' => ['kind' => 'string'],
    'page_id' => [
      'kind' => 'reference',
      'by' => 'page_type',
      'targets' => ['contribute' => 'ContributionPage', 'event' => 'Event'],
      'required' => TRUE,
    ],
    'pcp_block_id' => ['kind' => 'reference', 'refers' => 'PCPBlock', 'required' => TRUE],
    'is_thermometer' => ['kind' => 'int', 'default' => 0],
    'is_honor_roll' => ['kind' => 'int', 'default' => 0],
    'goal_amount' => ['kind' => 'decimal'],
    'currency' => ['kind' => 'string'],
    'is_active' => ['kind' => 'bool', 'default' => FALSE],
    'is_notify' => ['kind' => 'bool', 'default' => FALSE],
  ],
];

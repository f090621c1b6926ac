<?php

/**
 * What makes personal campaign pages possible for a contribution page or an event.
 */
return [
  'name' => 'civishare.change.pcp_block.base',
  'entity' => 'PCPBlock',
  'dao' => 'CRM_PCP_DAO_PCPBlock',
  'table' => 'civicrm_pcp_block',
  'writer' => \Civi\Share\Apply\DaoWriter::class,
  'unique' => [['entity_table', 'entity_id']],
  'attributes' => [
    'entity_table' => ['kind' => 'string'],
    'entity_id' => ['kind' => 'reference', 'by' => 'entity_table', 'required' => TRUE],
    'target_entity_type' => ['kind' => 'string'],
    'target_entity_id' => [
      'kind' => 'reference',
      'by' => 'target_entity_type',
      'targets' => ['contribute' => 'ContributionPage', 'event' => 'Event'],
      'required' => TRUE,
    ],
    'supporter_profile_id' => ['kind' => 'reference', 'refers' => 'UFGroup'],
    'owner_notify_id:name' => ['kind' => 'option', 'options' => 'pcp_owner_notify'],
    'is_approval_needed' => ['kind' => 'bool', 'default' => FALSE],
    'is_tellfriend_enabled' => ['kind' => 'bool', 'default' => FALSE],
    'tellfriend_limit' => ['kind' => 'int'],
    'link_text' => ['kind' => 'string'],
    'is_active' => ['kind' => 'bool', 'default' => TRUE],
    'notify_email' => ['kind' => 'string'],
  ],
];

<?php

/**
 * Grants.
 */
return [
  'name' => 'civishare.change.grant.base',
  'entity' => 'Grant',
  'dao' => 'CRM_Grant_DAO_Grant',
  'table' => 'civicrm_grant',
  'custom' => ['Grant'],
  'match' => [['contact_id', 'grant_type_id:name', 'application_received_date', 'amount_total']],
  'attributes' => [
    'contact_id' => ['kind' => 'reference', 'refers' => 'Contact', 'required' => TRUE, 'parent' => TRUE],
    'application_received_date' => ['kind' => 'date'],
    'decision_date' => ['kind' => 'date'],
    'money_transfer_date' => ['kind' => 'date'],
    'grant_due_date' => ['kind' => 'date'],
    'grant_report_received' => ['kind' => 'bool', 'default' => FALSE],
    'grant_type_id:name' => ['kind' => 'option', 'options' => 'grant_type'],
    'amount_total' => ['kind' => 'decimal'],
    'amount_requested' => ['kind' => 'decimal'],
    'amount_granted' => ['kind' => 'decimal'],
    'currency' => ['kind' => 'string'],
    'rationale' => ['kind' => 'string'],
    'status_id:name' => ['kind' => 'option', 'options' => 'grant_status'],
    'financial_type_id:name' => ['kind' => 'option', 'options' => '@financial_type'],
  ],
];

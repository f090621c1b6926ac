<?php

/**
 * Recurring contributions, as a record: the payment processor stays with the site that has it.
 */
return [
  'name' => 'civishare.change.contribution_recur.base',
  'entity' => 'ContributionRecur',
  'dao' => 'CRM_Contribute_DAO_ContributionRecur',
  'table' => 'civicrm_contribution_recur',
  'custom' => ['ContributionRecur'],
  'unique' => [['trxn_id'], ['invoice_id']],
  'attributes' => [
    'contact_id' => ['kind' => 'reference', 'refers' => 'Contact', 'required' => TRUE, 'parent' => TRUE],
    'amount' => ['kind' => 'decimal'],
    'currency' => ['kind' => 'string'],
    'frequency_unit' => ['kind' => 'string', 'default' => 'month'],
    'frequency_interval' => ['kind' => 'int'],
    'installments' => ['kind' => 'int'],
    'start_date' => ['kind' => 'time'],
    'create_date' => ['kind' => 'time'],
    'cancel_date' => ['kind' => 'time'],
    'cancel_reason' => ['kind' => 'string'],
    'end_date' => ['kind' => 'time'],
    'processor_id' => ['kind' => 'string'],
    'trxn_id' => ['kind' => 'string'],
    'invoice_id' => ['kind' => 'string'],
    'contribution_status_id:name' => ['kind' => 'option', 'options' => 'contribution_recur_status'],
    'is_test' => ['kind' => 'bool', 'default' => FALSE],
    'cycle_day' => ['kind' => 'int', 'default' => 1],
    'financial_type_id:name' => ['kind' => 'option', 'options' => '@financial_type'],
    'payment_instrument_id:name' => ['kind' => 'option', 'options' => 'payment_instrument'],
    'campaign_id' => ['kind' => 'reference', 'refers' => 'Campaign'],
  ],
];

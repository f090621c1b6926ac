<?php

/**
 * Contributions. Line items, transactions and the activity CiviCRM makes by itself on each site.
 */
return [
  'name' => 'civishare.change.contribution.base',
  'entity' => 'Contribution',
  'dao' => 'CRM_Contribute_DAO_Contribution',
  'table' => 'civicrm_contribution',
  'custom' => ['Contribution'],
  'unique' => [['trxn_id'], ['invoice_id']],
  'attributes' => [
    'contact_id' => ['kind' => 'reference', 'refers' => 'Contact', 'required' => TRUE, 'parent' => TRUE],
    'financial_type_id:name' => ['kind' => 'option', 'options' => '@financial_type'],
    'payment_instrument_id:name' => ['kind' => 'option', 'options' => 'payment_instrument'],
    'receive_date' => ['kind' => 'time'],
    'non_deductible_amount' => ['kind' => 'decimal', 'default' => '0'],
    'total_amount' => ['kind' => 'decimal'],
    'fee_amount' => ['kind' => 'decimal', 'follows' => TRUE],
    'net_amount' => ['kind' => 'decimal', 'follows' => TRUE],
    'trxn_id' => ['kind' => 'string'],
    'invoice_id' => ['kind' => 'string'],
    'currency' => ['kind' => 'string'],
    'cancel_date' => ['kind' => 'time'],
    'cancel_reason' => ['kind' => 'string'],
    'receipt_date' => ['kind' => 'time'],
    'thankyou_date' => ['kind' => 'time'],
    'source' => ['kind' => 'string'],
    'amount_level' => ['kind' => 'string'],
    'contribution_recur_id' => ['kind' => 'reference', 'refers' => 'ContributionRecur'],
    'contribution_page_id' => ['kind' => 'reference', 'refers' => 'ContributionPage'],
    'is_test' => ['kind' => 'bool', 'default' => FALSE],
    'is_pay_later' => ['kind' => 'bool', 'default' => FALSE],
    'contribution_status_id:name' => ['kind' => 'option', 'options' => 'contribution_status'],
    'check_number' => ['kind' => 'string'],
    'campaign_id' => ['kind' => 'reference', 'refers' => 'Campaign'],
    'tax_amount' => ['kind' => 'decimal', 'follows' => TRUE],
    'revenue_recognition_date' => ['kind' => 'time'],
    'is_template' => ['kind' => 'bool', 'default' => FALSE],
  ],
];

<?php

/**
 * Pledges. Their payments are a type of their own.
 */
return [
  'name' => 'civishare.change.pledge.base',
  'entity' => 'Pledge',
  'dao' => 'CRM_Pledge_DAO_Pledge',
  'table' => 'civicrm_pledge',
  'custom' => ['Pledge'],
  // The API works out a schedule of payments, which come as they are.
  'writer' => \Civi\Share\Apply\DaoWriter::class,
  'match' => [['contact_id', 'create_date', 'amount']],
  'attributes' => [
    'contact_id' => ['kind' => 'reference', 'refers' => 'Contact', 'required' => TRUE, 'parent' => TRUE],
    'financial_type_id:name' => ['kind' => 'option', 'options' => '@financial_type'],
    'contribution_page_id' => ['kind' => 'reference', 'refers' => 'ContributionPage'],
    'amount' => ['kind' => 'decimal'],
    'original_installment_amount' => ['kind' => 'decimal'],
    'currency' => ['kind' => 'string'],
    'frequency_unit' => ['kind' => 'string', 'default' => 'month'],
    'frequency_interval' => ['kind' => 'int', 'default' => 1],
    'frequency_day' => ['kind' => 'int', 'default' => 3],
    'installments' => ['kind' => 'int', 'default' => 1],
    'start_date' => ['kind' => 'time'],
    'create_date' => ['kind' => 'time'],
    'acknowledge_date' => ['kind' => 'time'],
    'cancel_date' => ['kind' => 'time'],
    'end_date' => ['kind' => 'time'],
    'max_reminders' => ['kind' => 'int', 'default' => 1],
    'initial_reminder_day' => ['kind' => 'int', 'default' => 5],
    'additional_reminder_day' => ['kind' => 'int', 'default' => 5],
    'status_id:name' => ['kind' => 'option', 'options' => 'pledge_status'],
    'is_test' => ['kind' => 'bool', 'default' => FALSE],
    'campaign_id' => ['kind' => 'reference', 'refers' => 'Campaign'],
  ],
];

<?php

/**
 * Payments of pledges, made or to come.
 */
return [
  'name' => 'civishare.change.pledge_payment.base',
  'entity' => 'PledgePayment',
  'dao' => 'CRM_Pledge_DAO_PledgePayment',
  'table' => 'civicrm_pledge_payment',
  'writer' => \Civi\Share\Apply\DaoWriter::class,
  'match' => [['pledge_id', 'scheduled_date']],
  'attributes' => [
    'pledge_id' => ['kind' => 'reference', 'refers' => 'Pledge', 'required' => TRUE, 'parent' => TRUE],
    'contribution_id' => ['kind' => 'reference', 'refers' => 'Contribution'],
    'scheduled_amount' => ['kind' => 'decimal'],
    'actual_amount' => ['kind' => 'decimal'],
    'currency' => ['kind' => 'string'],
    'scheduled_date' => ['kind' => 'time'],
    'reminder_date' => ['kind' => 'time'],
    'reminder_count' => ['kind' => 'int', 'default' => 0],
    'status_id:name' => ['kind' => 'option', 'options' => 'contribution_status'],
  ],
];

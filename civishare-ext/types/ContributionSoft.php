<?php

/**
 * Soft credits.
 */
return [
  'name' => 'civishare.change.contribution_soft.base',
  'entity' => 'ContributionSoft',
  'dao' => 'CRM_Contribute_DAO_ContributionSoft',
  'table' => 'civicrm_contribution_soft',
  'match' => [['contribution_id', 'contact_id', 'soft_credit_type_id:name']],
  'attributes' => [
    'contribution_id' => ['kind' => 'reference', 'refers' => 'Contribution', 'required' => TRUE, 'parent' => TRUE],
    'contact_id' => ['kind' => 'reference', 'refers' => 'Contact', 'required' => TRUE, 'parent' => TRUE],
    'amount' => ['kind' => 'decimal'],
    'currency' => ['kind' => 'string'],
    'soft_credit_type_id:name' => ['kind' => 'option', 'options' => 'soft_credit_type'],
  ],
];

<?php

/**
 * Financial types, told apart by name. Their accounts each site keeps for itself.
 */
return [
  'name' => 'civishare.change.financial_type.base',
  'entity' => 'FinancialType',
  'dao' => 'CRM_Financial_DAO_FinancialType',
  'table' => 'civicrm_financial_type',
  'unique' => [['name']],
  'attributes' => [
    'name' => ['kind' => 'string'],
    'label' => ['kind' => 'string'],
    'description' => ['kind' => 'string'],
    'is_deductible' => ['kind' => 'bool', 'default' => TRUE],
    'is_reserved' => ['kind' => 'bool', 'default' => FALSE],
    'is_active' => ['kind' => 'bool', 'default' => FALSE],
  ],
];

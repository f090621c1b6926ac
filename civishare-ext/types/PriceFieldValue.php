<?php

/**
 * Choices of price fields, told apart by field and name.
 */
return [
  'name' => 'civishare.change.price_field_value.base',
  'entity' => 'PriceFieldValue',
  'dao' => 'CRM_Price_DAO_PriceFieldValue',
  'table' => 'civicrm_price_field_value',
  'unique' => [['name', 'price_field_id']],
  'attributes' => [
    'price_field_id' => ['kind' => 'reference', 'refers' => 'PriceField', 'required' => TRUE, 'parent' => TRUE],
    'name' => ['kind' => 'string'],
    'label' => ['kind' => 'string'],
    'description' => ['kind' => 'string'],
    'help_pre' => ['kind' => 'string', 'markup' => TRUE],
    'help_post' => ['kind' => 'string', 'markup' => TRUE],
    'amount' => ['kind' => 'decimal'],
    'count' => ['kind' => 'int'],
    'max_value' => ['kind' => 'int'],
    'weight' => ['kind' => 'int', 'follows' => TRUE],
    'membership_type_id:name' => ['kind' => 'option', 'options' => '@membership_type'],
    'membership_num_terms' => ['kind' => 'int'],
    'is_default' => ['kind' => 'bool', 'default' => FALSE],
    'is_active' => ['kind' => 'bool', 'default' => TRUE],
    'financial_type_id:name' => ['kind' => 'option', 'options' => '@financial_type'],
    'non_deductible_amount' => ['kind' => 'decimal', 'default' => '0'],
    'visibility_id:name' => ['kind' => 'option', 'options' => 'visibility'],
  ],
];

<?php

/**
 * Price sets, told apart by name; without the JavaScript of their forms.
 */
return [
  'name' => 'civishare.change.price_set.base',
  'entity' => 'PriceSet',
  'dao' => 'CRM_Price_DAO_PriceSet',
  'table' => 'civicrm_price_set',
  // Neither API takes a list of components.
  'writer' => \Civi\Share\Apply\DaoWriter::class,
  'unique' => [['name']],
  'attributes' => [
    'name' => ['kind' => 'string'],
    'title' => ['kind' => 'string'],
    'is_active' => ['kind' => 'bool', 'default' => TRUE],
    'help_pre' => ['kind' => 'string', 'markup' => TRUE],
    'help_post' => ['kind' => 'string', 'markup' => TRUE],
    'extends:name' => ['kind' => 'option', 'options' => '@component', 'multiple' => TRUE],
    'financial_type_id:name' => ['kind' => 'option', 'options' => '@financial_type'],
    'is_quick_config' => ['kind' => 'bool', 'default' => FALSE],
    'is_reserved' => ['kind' => 'bool', 'default' => FALSE],
    'min_amount' => ['kind' => 'decimal', 'default' => '0'],
  ],
];

<?php

/**
 * Fields of price sets, told apart by set and name.
 */
return [
  'name' => 'civishare.change.price_field.base',
  'entity' => 'PriceField',
  'dao' => 'CRM_Price_DAO_PriceField',
  'table' => 'civicrm_price_field',
  'unique' => [['name', 'price_set_id']],
  'attributes' => [
    'price_set_id' => ['kind' => 'reference', 'refers' => 'PriceSet', 'required' => TRUE, 'parent' => TRUE],
    'name' => ['kind' => 'string'],
    'label' => ['kind' => 'string'],
    'html_type' => ['kind' => 'string'],
    'is_enter_qty' => ['kind' => 'bool', 'default' => FALSE],
    'help_pre' => ['kind' => 'string', 'markup' => TRUE],
    'help_post' => ['kind' => 'string', 'markup' => TRUE],
    'weight' => ['kind' => 'int', 'follows' => TRUE],
    'is_display_amounts' => ['kind' => 'bool', 'default' => TRUE],
    'options_per_line' => ['kind' => 'int', 'default' => 1],
    'is_active' => ['kind' => 'bool', 'default' => TRUE],
    'is_required' => ['kind' => 'bool', 'default' => TRUE],
    'active_on' => ['kind' => 'time'],
    'expire_on' => ['kind' => 'time'],
    'visibility_id:name' => ['kind' => 'option', 'options' => 'visibility'],
  ],
];

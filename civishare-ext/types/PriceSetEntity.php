<?php

/**
 * Which price set an event or a contribution page uses.
 */
return [
  'name' => 'civishare.change.price_set_entity.base',
  'entity' => 'PriceSetEntity',
  'dao' => 'CRM_Price_DAO_PriceSetEntity',
  'table' => 'civicrm_price_set_entity',
  'writer' => \Civi\Share\Apply\DaoWriter::class,
  'unique' => [['entity_table', 'entity_id']],
  'attributes' => [
    'entity_table' => ['kind' => 'string'],
    'entity_id' => ['kind' => 'reference', 'by' => 'entity_table', 'required' => TRUE],
    'price_set_id' => ['kind' => 'reference', 'refers' => 'PriceSet', 'required' => TRUE, 'parent' => TRUE],
  ],
];

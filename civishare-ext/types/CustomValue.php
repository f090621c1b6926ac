<?php

/**
 * Records of the sets of custom fields that hold several: a type for each set, GROUP being its name in lower case.
 */
return [
  'name' => 'civishare.change.custom_value.GROUP',
  'each' => \Civi\Share\Type\CustomRows::class,
  'entity' => 'Custom_GROUP',
  'table' => 'civicrm_value_GROUP',
  'writer' => \Civi\Share\Apply\CustomRowWriter::class,
  'attributes' => [
    'entity_id' => ['kind' => 'reference', 'refers' => 'what the set extends', 'required' => TRUE, 'parent' => TRUE],
  ],
];

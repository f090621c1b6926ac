<?php

/**
 * Types of relationships, told apart by their name from A to B.
 */
return [
  'name' => 'civishare.change.relationship_type.base',
  'entity' => 'RelationshipType',
  'dao' => 'CRM_Contact_DAO_RelationshipType',
  'table' => 'civicrm_relationship_type',
  'unique' => [['name_a_b']],
  'attributes' => [
    'name_a_b' => ['kind' => 'string'],
    'label_a_b' => ['kind' => 'string'],
    'name_b_a' => ['kind' => 'string'],
    'label_b_a' => ['kind' => 'string'],
    'description' => ['kind' => 'string'],
    'contact_type_a' => ['kind' => 'string'],
    'contact_type_b' => ['kind' => 'string'],
    'contact_sub_type_a' => ['kind' => 'string'],
    'contact_sub_type_b' => ['kind' => 'string'],
    'is_active' => ['kind' => 'bool', 'default' => TRUE],
  ],
];

<?php

/**
 * Relationships between contacts. Their types go by name (name_a_b). With a case they are roles in it.
 */
return [
  'name' => 'civishare.change.contact.relationship',
  'entity' => 'Relationship',
  'dao' => 'CRM_Contact_DAO_Relationship',
  'table' => 'civicrm_relationship',
  'custom' => ['Relationship'],
  // An update that does not name it takes the employer from the contact.
  'keep' => ['is_active'],
  // CiviCRM refuses a second one with the same dates itself.
  'unique' => [['contact_id_a', 'contact_id_b', 'relationship_type_id:name', 'start_date', 'end_date', 'case_id']],
  'twins' => ['contact_id_a' => ['contact_id_b', 'relationship_type_id', 'case_id'], 'contact_id_b' => ['contact_id_a', 'relationship_type_id', 'case_id']],
  'distinct' => ['contact_id_a', 'contact_id_b'],
  'attributes' => [
    'contact_id_a' => ['kind' => 'reference', 'refers' => 'Contact', 'required' => TRUE, 'parent' => TRUE],
    'contact_id_b' => ['kind' => 'reference', 'refers' => 'Contact', 'required' => TRUE, 'parent' => TRUE],
    'relationship_type_id:name' => ['kind' => 'option', 'options' => '@relationship_type'],
    'start_date' => ['kind' => 'date'],
    'end_date' => ['kind' => 'date'],
    'is_active' => ['kind' => 'bool', 'default' => TRUE],
    'description' => ['kind' => 'string'],
    // Numbers with a meaning in CiviCRM's code, not options: 1 may edit, 2 may view.
    'is_permission_a_b' => ['kind' => 'int', 'default' => 0],
    'is_permission_b_a' => ['kind' => 'int', 'default' => 0],
    'case_id' => ['kind' => 'reference', 'refers' => 'Case'],
  ],
];

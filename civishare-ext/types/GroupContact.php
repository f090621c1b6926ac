<?php

/**
 * Who is in a group, was removed from it, or waits to be confirmed.
 */
return [
  'name' => 'civishare.change.contact.group_contact',
  'entity' => 'GroupContact',
  'dao' => 'CRM_Contact_DAO_GroupContact',
  'table' => 'civicrm_group_contact',
  'odd_hooks' => TRUE,
  'writer' => \Civi\Share\Apply\GroupContactWriter::class,
  'unique' => [['group_id', 'contact_id']],
  'twins' => ['contact_id' => ['group_id']],
  'attributes' => [
    'group_id' => ['kind' => 'reference', 'refers' => 'Group', 'required' => TRUE, 'parent' => TRUE],
    'contact_id' => ['kind' => 'reference', 'refers' => 'Contact', 'required' => TRUE, 'parent' => TRUE],
    'status' => ['kind' => 'string'],
  ],
];

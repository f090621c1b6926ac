<?php

/**
 * Which organization a group belongs to.
 */
return [
  'name' => 'civishare.change.group.organization',
  'entity' => 'GroupOrganization',
  'dao' => 'CRM_Contact_DAO_GroupOrganization',
  'table' => 'civicrm_group_organization',
  'unique' => [['group_id', 'organization_id']],
  'attributes' => [
    'group_id' => ['kind' => 'reference', 'refers' => 'Group', 'required' => TRUE, 'parent' => TRUE],
    'organization_id' => ['kind' => 'reference', 'refers' => 'Contact', 'required' => TRUE, 'parent' => TRUE],
  ],
];

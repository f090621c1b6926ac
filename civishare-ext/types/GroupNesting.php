<?php

/**
 * Which group is a part of which.
 */
return [
  'name' => 'civishare.change.group.nesting',
  'entity' => 'GroupNesting',
  'dao' => 'CRM_Contact_DAO_GroupNesting',
  'table' => 'civicrm_group_nesting',
  'unique' => [['child_group_id', 'parent_group_id']],
  'attributes' => [
    'child_group_id' => ['kind' => 'reference', 'refers' => 'Group', 'required' => TRUE, 'parent' => TRUE],
    'parent_group_id' => ['kind' => 'reference', 'refers' => 'Group', 'required' => TRUE, 'parent' => TRUE],
  ],
];

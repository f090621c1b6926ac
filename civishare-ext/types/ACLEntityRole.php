<?php

/**
 * Which group has which role in access control.
 */
return [
  'name' => 'civishare.change.acl_entity_role.base',
  'entity' => 'ACLEntityRole',
  'dao' => 'CRM_ACL_DAO_EntityRole',
  'table' => 'civicrm_acl_entity_role',
  'objects' => ['ACLEntityRole', 'EntityRole'],
  'explicit' => TRUE,
  'writer' => \Civi\Share\Apply\DaoWriter::class,
  'unique' => [['acl_role_id:name', 'entity_table', 'entity_id']],
  'attributes' => [
    'acl_role_id:name' => ['kind' => 'option', 'options' => 'acl_role'],
    'entity_table' => ['kind' => 'string'],
    'entity_id' => ['kind' => 'reference', 'by' => 'entity_table', 'required' => TRUE],
    'is_active' => ['kind' => 'bool', 'default' => FALSE],
  ],
];

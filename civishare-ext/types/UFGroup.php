<?php

/**
 * Profiles, told apart by name. Their fields and where they are used are types of their own.
 */
return [
  'name' => 'civishare.change.uf_group.base',
  'entity' => 'UFGroup',
  'dao' => 'CRM_Core_DAO_UFGroup',
  'table' => 'civicrm_uf_group',
  // Both APIs overlook the two groups.
  'writer' => \Civi\Share\Apply\DaoWriter::class,
  'unique' => [['name']],
  'attributes' => [
    'name' => ['kind' => 'string'],
    'title' => ['kind' => 'string'],
    'frontend_title' => ['kind' => 'string'],
    'description' => ['kind' => 'string'],
    'is_active' => ['kind' => 'bool', 'default' => TRUE],
    'group_type' => ['kind' => 'string', 'follows' => TRUE],
    'help_pre' => ['kind' => 'string', 'markup' => TRUE],
    'help_post' => ['kind' => 'string', 'markup' => TRUE],
    'limit_listings_group_id' => ['kind' => 'reference', 'refers' => 'Group'],
    'post_URL' => ['kind' => 'string'],
    'add_to_group_id' => ['kind' => 'reference', 'refers' => 'Group'],
    'add_captcha' => ['kind' => 'bool', 'default' => FALSE],
    'is_map' => ['kind' => 'bool', 'default' => FALSE],
    'is_edit_link' => ['kind' => 'bool', 'default' => FALSE],
    'is_uf_link' => ['kind' => 'bool', 'default' => FALSE],
    'is_update_dupe' => ['kind' => 'int', 'default' => 0],
    'cancel_URL' => ['kind' => 'string'],
    'is_cms_user' => ['kind' => 'int', 'default' => 0],
    'is_proximity_search' => ['kind' => 'bool', 'default' => FALSE],
    'cancel_button_text' => ['kind' => 'string'],
    'submit_button_text' => ['kind' => 'string'],
    'add_cancel_button' => ['kind' => 'bool', 'default' => TRUE],
  ],
];

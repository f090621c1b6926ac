<?php

/**
 * Whose case it is.
 */
return [
  'name' => 'civishare.change.case_contact.base',
  'entity' => 'CaseContact',
  'dao' => 'CRM_Case_DAO_CaseContact',
  'table' => 'civicrm_case_contact',
  'unique' => [['case_id', 'contact_id']],
  'attributes' => [
    'case_id' => ['kind' => 'reference', 'refers' => 'Case', 'required' => TRUE, 'parent' => TRUE],
    'contact_id' => ['kind' => 'reference', 'refers' => 'Contact', 'required' => TRUE, 'parent' => TRUE],
  ],
];

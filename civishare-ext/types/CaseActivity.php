<?php

/**
 * Which activities belong to a case.
 */
return [
  'name' => 'civishare.change.case_activity.base',
  'entity' => 'CaseActivity',
  'dao' => 'CRM_Case_DAO_CaseActivity',
  'table' => 'civicrm_case_activity',
  'writer' => \Civi\Share\Apply\DaoWriter::class,
  'unique' => [['case_id', 'activity_id']],
  'attributes' => [
    'case_id' => ['kind' => 'reference', 'refers' => 'Case', 'required' => TRUE, 'parent' => TRUE],
    'activity_id' => ['kind' => 'reference', 'refers' => 'Activity', 'required' => TRUE, 'parent' => TRUE],
  ],
];

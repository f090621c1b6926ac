<?php

/**
 * Files, up to a size that is set; larger ones by their names alone.
 */
return [
  'name' => 'civishare.change.file.base',
  'entity' => 'File',
  'dao' => 'CRM_Core_DAO_File',
  'table' => 'civicrm_file',
  'writer' => \Civi\Share\Apply\FileWriter::class,
  'attributes' => [
    'uri' => ['kind' => 'file'],
    'mime_type' => ['kind' => 'string'],
    'description' => ['kind' => 'string'],
    'upload_date' => ['kind' => 'time'],
  ],
];

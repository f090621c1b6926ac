<?php

/**
 * The settings of CiviShare. Their screen is civicrm/admin/share/settings.
 */

use CRM_Share_ExtensionUtil as E;

$setting = function (string $name, array $more): array {
  return $more + [
    'name' => $name,
    'group' => 'civishare',
    'group_name' => 'CiviShare',
    'add' => '5.33',
    'is_domain' => 1,
    'is_contact' => 0,
    'help_text' => NULL,
  ];
};

return [
  'civishare_store_path' => $setting('civishare_store_path', [
    'type' => 'String',
    'default' => '',
    'html_type' => 'text',
    'title' => E::ts('File of the store'),
    'description' => E::ts('Absolute path of the file that holds what waits to be sent and applied. Empty: in the private upload folder.'),
  ]),
  'civishare_allow_http' => $setting('civishare_allow_http', [
    'type' => 'Boolean',
    'default' => 0,
    'html_type' => 'checkbox',
    'title' => E::ts('Allow http'),
    'description' => E::ts('Take endpoints without encryption. Names and addresses of people then travel readable.'),
  ]),
  'civishare_allow_private' => $setting('civishare_allow_private', [
    'type' => 'Boolean',
    'default' => 0,
    'html_type' => 'checkbox',
    'title' => E::ts('Allow private addresses'),
    'description' => E::ts('Take endpoints inside private networks, such as 10.0.0.5.'),
  ]),
  'civishare_inbox_limit' => $setting('civishare_inbox_limit', [
    'type' => 'Integer',
    'default' => 100000,
    'html_type' => 'text',
    'title' => E::ts('Size of the inbox'),
    'description' => E::ts('With so many changes waiting to be applied, other sites are asked to come back later.'),
  ]),
  'civishare_detection' => $setting('civishare_detection', [
    'type' => 'String',
    'default' => 'triggers',
    'html_type' => 'select',
    'options' => ['triggers' => E::ts('by triggers of its own'), 'log' => E::ts('from CiviCRM\'s extended logging')],
    'title' => E::ts('How edits are noticed'),
    'description' => E::ts('By triggers every edit is noticed at once. From the log, which CiviCRM must keep (Administer, System Settings, Misc: Logging), with the next job, for sites that may not create triggers. The log does not show what is deleted along with something else, nor edits in which only upper case, accents or an empty text change; ShareChange.compare by API finds these too.'),
  ]),
  'civishare_file_kb' => $setting('civishare_file_kb', [
    'type' => 'Integer',
    'default' => 500,
    'html_type' => 'text',
    'title' => E::ts('Size of files, in kB'),
    'description' => E::ts('Attachments and files in custom fields up to this size are shared with what is in them, larger ones by their names alone. At most %1.', [1 => \Civi\Share\Type\Files::MOST_KB]),
  ]),
];

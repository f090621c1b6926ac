<?php

/**
 * Mailings, as a record: a draft on every other site, without recipients, and never sent from there.
 */
return [
  'name' => 'civishare.change.mailing.base',
  'entity' => 'Mailing',
  'dao' => 'CRM_Mailing_DAO_Mailing',
  'table' => 'civicrm_mailing',
  // Which domain of the site it is for no peer can know.
  'create' => ['domain_id' => 1],
  // Nobody is to be picked, and nothing to be queued.
  'write' => ['_skip_evil_bao_auto_recipients_' => 1, '_skip_evil_bao_auto_schedule_' => 1],
  'attributes' => [
    'name' => ['kind' => 'string'],
    'subject' => ['kind' => 'string'],
    'from_name' => ['kind' => 'string'],
    'from_email' => ['kind' => 'string'],
    'replyto_email' => ['kind' => 'string'],
    'template_type' => ['kind' => 'string', 'default' => 'traditional'],
    'template_options' => ['kind' => 'json'],
    'body_text' => ['kind' => 'string', 'markup' => TRUE],
    'body_html' => ['kind' => 'string', 'markup' => TRUE],
    'url_tracking' => ['kind' => 'bool', 'default' => FALSE],
    'forward_replies' => ['kind' => 'bool', 'default' => FALSE],
    'auto_responder' => ['kind' => 'bool', 'default' => FALSE],
    'open_tracking' => ['kind' => 'bool', 'default' => FALSE],
    'override_verp' => ['kind' => 'bool', 'default' => FALSE],
    'visibility' => ['kind' => 'string', 'default' => 'Public Pages'],
    'campaign_id' => ['kind' => 'reference', 'refers' => 'Campaign'],
    'dedupe_email' => ['kind' => 'bool', 'default' => FALSE],
    'email_selection_method' => ['kind' => 'string', 'default' => 'automatic'],
    'language' => ['kind' => 'string'],
  ],
];

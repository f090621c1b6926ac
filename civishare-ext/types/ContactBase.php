<?php

/**
 * Contacts of all types: names, privacy flags, preferences, dates, greetings, and the custom fields of single-record groups.
 *
 * Left out on purpose: ids, keys and hashes (id, hash, api_key, user_unique_id); what CiviCRM derives (sort_name, display_name,
 * greetings as displayed, created_date, modified_date); image_URL, which points into this very site; external_identifier, which each site gives for itself and keeps unique: two
 * sites with numbers of their own would overwrite each other's, or the save would fail.
 */
return [
  'name' => 'civishare.change.contact.base',
  'entity' => 'Contact',
  // Hooks name a contact by its type, a merge by "Contact".
  'objects' => ['Contact', 'Individual', 'Household', 'Organization'],
  'dao' => 'CRM_Contact_DAO_Contact',
  'table' => 'civicrm_contact',
  'key' => 'id',
  // Else CiviCRM asks for it.
  'keep' => ['contact_type'],
  // Custom groups that extend one of these belong to the contact.
  'custom' => ['Contact', 'Individual', 'Household', 'Organization'],
  'attributes' => [
    // CiviCRM names it in every save; that alone is no reason to look.
    'contact_type' => ['kind' => 'string', 'quiet' => TRUE],
    'contact_sub_type' => ['kind' => 'option', 'options' => 'contact_type', 'multiple' => TRUE],
    'first_name' => ['kind' => 'string'],
    'middle_name' => ['kind' => 'string'],
    'last_name' => ['kind' => 'string'],
    'prefix_id:name' => ['kind' => 'option', 'options' => 'individual_prefix'],
    'suffix_id:name' => ['kind' => 'option', 'options' => 'individual_suffix'],
    'formal_title' => ['kind' => 'string'],
    'nick_name' => ['kind' => 'string'],
    'legal_name' => ['kind' => 'string'],
    'legal_identifier' => ['kind' => 'string'],
    'sic_code' => ['kind' => 'string'],
    'household_name' => ['kind' => 'string'],
    'organization_name' => ['kind' => 'string'],
    'job_title' => ['kind' => 'string'],
    'gender_id:name' => ['kind' => 'option', 'options' => 'gender'],
    'birth_date' => ['kind' => 'date'],
    'is_deceased' => ['kind' => 'bool', 'default' => FALSE],
    'deceased_date' => ['kind' => 'date'],
    'do_not_email' => ['kind' => 'bool', 'default' => FALSE, 'privacy' => TRUE],
    'do_not_phone' => ['kind' => 'bool', 'default' => FALSE, 'privacy' => TRUE],
    'do_not_mail' => ['kind' => 'bool', 'default' => FALSE, 'privacy' => TRUE],
    'do_not_sms' => ['kind' => 'bool', 'default' => FALSE, 'privacy' => TRUE],
    'do_not_trade' => ['kind' => 'bool', 'default' => FALSE, 'privacy' => TRUE],
    'is_opt_out' => ['kind' => 'bool', 'default' => FALSE, 'privacy' => TRUE],
    'preferred_communication_method:name' => ['kind' => 'option', 'options' => 'preferred_communication_method', 'multiple' => TRUE],
    'preferred_language' => ['kind' => 'string'],
    'preferred_mail_format' => ['kind' => 'string', 'default' => 'Both'],
    'communication_style_id:name' => ['kind' => 'option', 'options' => 'communication_style'],
    'email_greeting_id:name' => ['kind' => 'option', 'options' => 'email_greeting'],
    'email_greeting_custom' => ['kind' => 'string'],
    'postal_greeting_id:name' => ['kind' => 'option', 'options' => 'postal_greeting'],
    'postal_greeting_custom' => ['kind' => 'string'],
    'addressee_id:name' => ['kind' => 'option', 'options' => 'addressee'],
    'addressee_custom' => ['kind' => 'string'],
    'source' => ['kind' => 'string', 'params' => ['contact_source']],
    'employer_id' => ['kind' => 'reference', 'refers' => 'Contact', 'follows' => TRUE],
    'primary_contact_id' => ['kind' => 'reference', 'refers' => 'Contact'],
    'is_deleted' => ['kind' => 'bool', 'default' => FALSE],
  ],
];

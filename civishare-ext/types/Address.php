<?php

/**
 * Postal addresses of contacts. Countries go by ISO code, states by country and abbreviation.
 *
 * An address shared with another contact (master_id) refers to that contact's.
 */
return [
  'name' => 'civishare.change.contact.address',
  'entity' => 'Address',
  'dao' => 'CRM_Core_DAO_Address',
  'table' => 'civicrm_address',
  'custom' => ['Address'],
  'match' => [['contact_id', 'location_type_id:name', 'street_address', 'postal_code', 'city']],
  'slot' => ['location_type_id'],
  'attributes' => [
    'contact_id' => ['kind' => 'reference', 'refers' => 'Contact', 'required' => TRUE, 'parent' => TRUE],
    'location_type_id:name' => ['kind' => 'option', 'options' => '@location_type'],
    'is_primary' => ['kind' => 'bool', 'default' => FALSE, 'chosen' => TRUE],
    'is_billing' => ['kind' => 'bool', 'default' => FALSE, 'follows' => TRUE, 'single' => method_exists('CRM_Core_BAO_Block', 'handleBilling')],
    'street_address' => ['kind' => 'string'],
    'street_number' => ['kind' => 'int'],
    'street_number_suffix' => ['kind' => 'string'],
    'street_number_predirectional' => ['kind' => 'string'],
    'street_name' => ['kind' => 'string'],
    'street_type' => ['kind' => 'string'],
    'street_number_postdirectional' => ['kind' => 'string'],
    'street_unit' => ['kind' => 'string'],
    'supplemental_address_1' => ['kind' => 'string'],
    'supplemental_address_2' => ['kind' => 'string'],
    'supplemental_address_3' => ['kind' => 'string'],
    'city' => ['kind' => 'string'],
    'county_id:name' => ['kind' => 'option', 'options' => '@county'],
    'state_province_id:abbr' => ['kind' => 'option', 'options' => '@state'],
    'postal_code' => ['kind' => 'string'],
    'postal_code_suffix' => ['kind' => 'string'],
    'usps_adc' => ['kind' => 'string'],
    'country_id:abbr' => ['kind' => 'option', 'options' => '@country'],
    'geo_code_1' => ['kind' => 'decimal'],
    'geo_code_2' => ['kind' => 'decimal'],
    'manual_geo_code' => ['kind' => 'bool', 'default' => FALSE],
    'timezone' => ['kind' => 'string'],
    'name' => ['kind' => 'string'],
    'master_id' => ['kind' => 'reference', 'refers' => 'Address', 'follows' => TRUE],
  ],
];

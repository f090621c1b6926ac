<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * Every entity of the table in docs/types.md, but files and contacts themselves: made on one site, changed on both, deleted on either.
 */
final class EntitiesTest extends AllTypesTest {

  private static Records $records;

  /**
   * @var array<string, string>
   *   "Key, what happened" => what is wrong.
   */
  private static array $wrong = [];

  private static string $said = '';

  private static array $facts = [];

  public static function setUpBeforeClass(): void {
    parent::setUpBeforeClass();
    foreach ([self::$a, self::$b] as $site) {
      // A set that is yet to come.
      self::letThrough($site, [...self::declared($site), 'civishare.change.custom_value.' . self::set()]);
    }
    self::life();
  }

  protected static function prepare(Site $site): void {
    self::discardLetters($site);
    self::enableComponents($site);
  }

  /**
   * Name of a set of custom fields that holds several records.
   */
  private static function set(): string {
    static $name = NULL;
    return $name ??= 'rec_boats_' . base_convert((string) getmypid(), 10, 36) . base_convert((string) time(), 10, 36);
  }

  private static function cases(): array {
    return [
      'Email' => [
        'entity' => 'Email', 'table' => 'civicrm_email', 'make' => ['contact_id' => '#Contact', 'location_type_id' => 1, 'email' => 'ada@example.org'],
        'change' => ['on_hold' => 1], 'change_there' => ['email' => 'ada@example.com', 'contact_id' => '#Contact'], 'how_there' => 'api3',
      ],
      'Phone' => [
        'entity' => 'Phone', 'table' => 'civicrm_phone', 'how' => 'api3', 'make' => ['contact_id' => '#Contact', 'location_type_id' => 1, 'phone' => '030 1', 'phone_type_id' => 2],
        'change' => ['phone' => '030 2', 'contact_id' => '#Contact'], 'change_there' => ['phone_ext' => '3'], 'how_there' => 'api4',
      ],
      'Address' => [
        'entity' => 'Address', 'table' => 'civicrm_address', 'make' => ['contact_id' => '#Contact', 'location_type_id' => 1, 'city' => 'Köln', 'street_address' => 'Weg 1', 'country_id' => 1082],
        'change' => ['city' => 'Bonn'], 'change_there' => ['contact_id' => '#Contact', 'postal_code' => '53111'], 'how_there' => 'api3',
      ],
      'Address that is shared' => [
        'entity' => 'Address', 'table' => 'civicrm_address', 'make' => ['contact_id' => '#Organization', 'location_type_id' => 1, 'city' => 'Köln', 'master_id' => '#Address'],
      ],
      'IM' => [
        'entity' => 'IM', 'table' => 'civicrm_im', 'make' => ['contact_id' => '#Contact', 'location_type_id' => 1, 'name' => 'ada', 'provider_id' => 1],
        'change' => ['name' => 'ada1'], 'change_there' => ['contact_id' => '#Contact', 'name' => 'ada2'], 'how_there' => 'api3',
      ],
      'Website' => [
        'entity' => 'Website', 'table' => 'civicrm_website', 'how' => 'api3', 'make' => ['contact_id' => '#Contact', 'website_type_id' => 1, 'url' => 'https://example.org/a'],
        'change' => ['contact_id' => '#Contact', 'url' => 'https://example.org/b'], 'change_there' => ['url' => 'https://example.org/c'], 'how_there' => 'api4',
      ],
      'Note' => [
        'entity' => 'Note', 'table' => 'civicrm_note', 'make' => ['entity_table' => 'civicrm_contact', 'entity_id' => '#Contact', 'subject' => '@', 'note' => 'a < b'],
        'change' => ['note' => 'changed'], 'change_there' => ['subject' => 'again'],
      ],
      'Group' => ['entity' => 'Group', 'table' => 'civicrm_group', 'make' => ['title' => '@', 'name' => '@'], 'change' => ['description' => 'changed'], 'change_there' => ['description' => 'again']],
      'Group inside' => ['entity' => 'Group', 'table' => 'civicrm_group', 'how' => 'api3', 'make' => ['title' => '@', 'name' => '@']],
      'GroupNesting' => ['entity' => 'GroupNesting', 'table' => 'civicrm_group_nesting', 'make' => ['child_group_id' => '#Group inside', 'parent_group_id' => '#Group']],
      'GroupOrganization' => ['entity' => 'GroupOrganization', 'table' => 'civicrm_group_organization', 'make' => ['group_id' => '#Group', 'organization_id' => '#Organization']],
      'GroupContact' => [
        'entity' => 'GroupContact', 'table' => 'civicrm_group_contact', 'make' => ['group_id' => '#Group', 'contact_id' => '#Contact', 'status' => 'Added'],
        'change' => ['status' => 'Removed'], 'change_there' => ['status' => 'Added'],
      ],
      'Tag' => ['entity' => 'Tag', 'table' => 'civicrm_tag', 'make' => ['name' => '@', 'used_for' => ['civicrm_contact']], 'skip' => ['used_for'], 'change' => ['color' => '#ff0000'],
        'change_there' => ['description' => 'by the other site'], 'how_there' => 'api3',
      ],
      'EntityTag' => ['entity' => 'EntityTag', 'table' => 'civicrm_entity_tag', 'make' => ['entity_table' => 'civicrm_contact', 'entity_id' => '#Contact', 'tag_id' => '#Tag']],
      'RelationshipType' => [
        'entity' => 'RelationshipType', 'table' => 'civicrm_relationship_type', 'make' => ['name_a_b' => '@ a', 'name_b_a' => '@ b', 'label_a_b' => 'a', 'label_b_a' => 'b'],
        'change' => ['description' => 'changed'], 'change_there' => ['label_a_b' => 'A', 'name_a_b' => '@ a', 'name_b_a' => '@ b'], 'how_there' => 'api3',
      ],
      'Relationship' => [
        'entity' => 'Relationship', 'table' => 'civicrm_relationship', 'make' => ['contact_id_a' => '#Contact', 'contact_id_b' => '#Organization', 'relationship_type_id' => '#RelationshipType'],
        'change' => ['description' => 'changed'], 'change_there' => ['is_active' => 0], 'how_there' => 'api3',
      ],
      'SavedSearch' => [
        'entity' => 'SavedSearch', 'table' => 'civicrm_saved_search', 'make' => ['form_values' => [['first_name', 'LIKE', 'A%', 0, 0]]],
        'change' => ['form_values' => [['first_name', 'LIKE', 'B%', 0, 0]]], 'change_there' => ['form_values' => [['first_name', 'LIKE', 'C%', 0, 0]]], 'how_there' => 'api3',
      ],
      'LocationType' => [
        'entity' => 'LocationType', 'table' => 'civicrm_location_type', 'make' => ['name' => '@', 'display_name' => 'At sea', 'is_active' => 1],
        'change' => ['display_name' => 'Ashore'], 'change_there' => ['description' => 'there'], 'how_there' => 'api3',
      ],
      'OptionGroup' => [
        'entity' => 'OptionGroup', 'table' => 'civicrm_option_group', 'make' => ['name' => '@', 'title' => 'Answers'], 'change' => ['title' => 'All answers'],
        'change_there' => ['description' => 'there'],
      ],
      'OptionValue' => [
        'entity' => 'OptionValue', 'table' => 'civicrm_option_value', 'make' => ['option_group_id' => '#OptionGroup', 'name' => '@', 'label' => 'Red', 'value' => 17], 'skip' => ['value'],
        'change' => ['label' => 'Dark red'], 'change_there' => ['description' => 'there'], 'how_there' => 'api3',
      ],
      'FinancialType' => [
        'entity' => 'FinancialType', 'table' => 'civicrm_financial_type', 'how' => 'api3', 'make' => ['name' => '@', 'is_active' => 1], 'change' => ['name' => '@', 'description' => 'changed'],
        'change_there' => ['name' => '@', 'is_deductible' => 1],
      ],
      'role in access control' => [
        'entity' => 'OptionValue', 'table' => 'civicrm_option_value', 'how' => 'api3', 'make' => ['option_group_id' => 'acl_role', 'name' => '@', 'label' => '@', 'value' => 4711],
        'skip' => ['option_group_id', 'value'], 'how_deleted' => 'api4',
      ],
      'ACL' => [
        'entity' => 'ACL', 'table' => 'civicrm_acl',
        'make' => ['name' => '@', 'entity_table' => 'civicrm_acl_role', 'entity_id' => 4711, 'operation' => 'View', 'object_table' => 'civicrm_saved_search', 'object_id' => '#Group', 'is_active' => TRUE],
        'skip' => ['entity_id'], 'change' => ['operation' => 'Edit'], 'change_there' => ['is_active' => FALSE],
      ],
      'ACL for all groups' => [
        'entity' => 'ACL', 'table' => 'civicrm_acl',
        'make' => ['name' => '@', 'entity_table' => 'civicrm_acl_role', 'entity_id' => 4711, 'operation' => 'View', 'object_table' => 'civicrm_saved_search', 'object_id' => 0, 'is_active' => TRUE],
        'skip' => ['entity_id'],
      ],
      'ACLEntityRole' => [
        'entity' => 'ACLEntityRole', 'by' => 'CRM_ACL_DAO_EntityRole', 'table' => 'civicrm_acl_entity_role', 'how' => 'dao',
        'make' => ['acl_role_id' => 4711, 'entity_table' => 'civicrm_group', 'entity_id' => '#Group', 'is_active' => 1], 'skip' => ['acl_role_id'], 'change' => ['is_active' => 0],
      ],
      'MembershipType' => [
        'entity' => 'MembershipType', 'table' => 'civicrm_membership_type',
        'make' => [
          'name' => '@', 'domain_id' => 1, 'member_of_contact_id' => '#Organization', 'financial_type_id' => 2, 'duration_unit' => 'year', 'duration_interval' => 1,
          'period_type' => 'rolling', 'minimum_fee' => '12.50',
        ],
        'skip' => ['domain_id'], 'change' => ['minimum_fee' => '13.00'], 'change_there' => ['description' => 'there'],
      ],
      'CustomGroup' => [
        'entity' => 'CustomGroup', 'table' => 'civicrm_custom_group', 'how' => 'api3',
        'make' => ['title' => self::set(), 'name' => self::set(), 'extends' => 'Contact', 'is_multiple' => 1, 'style' => 'Tab', 'is_active' => 1],
        'change' => ['help_pre' => 'changed'], 'change_there' => ['help_post' => 'changed'],
      ],
      'CustomField' => [
        'entity' => 'CustomField', 'table' => 'civicrm_custom_field', 'how' => 'api3',
        'make' => ['custom_group_id' => '#CustomGroup', 'label' => 'Size', 'name' => 'size', 'data_type' => 'String', 'html_type' => 'Text', 'is_active' => 1],
        'change' => ['help_pre' => 'changed'], 'change_there' => ['help_post' => 'changed'],
      ],
      'Campaign' => [
        'entity' => 'Campaign', 'table' => 'civicrm_campaign', 'make' => ['title' => '@', 'name' => '@'], 'change' => ['description' => 'changed'], 'change_there' => ['goal_revenue' => '10.00'],
      ],
      'Event' => [
        'entity' => 'Event', 'table' => 'civicrm_event',
        'make' => ['title' => '@', 'event_type_id' => 1, 'start_date' => '2031-01-02 10:00:00', 'is_active' => 1, 'description' => '<p>Come</p>', 'max_participants' => 9],
        'change' => ['summary' => 'changed'], 'change_there' => ['max_participants' => 10], 'how_there' => 'api3',
      ],
      'Participant' => [
        'entity' => 'Participant', 'table' => 'civicrm_participant',
        'make' => ['contact_id' => '#Contact', 'event_id' => '#Event', 'status_id' => 1, 'role_id' => [1], 'register_date' => '2030-01-02 10:00:00'], 'skip' => ['role_id'],
        'change' => ['status_id' => 2], 'change_there' => ['source' => 'post'],
      ],
      'ContributionRecur' => [
        'entity' => 'ContributionRecur', 'table' => 'civicrm_contribution_recur',
        'make' => [
          'contact_id' => '#Contact', 'amount' => '5.00', 'currency' => 'EUR', 'frequency_unit' => 'month', 'frequency_interval' => 1, 'start_date' => '2021-01-01 00:00:00', 'trxn_id' => '@',
        ],
        'change' => ['amount' => '6.00'], 'change_there' => ['installments' => 12], 'how_there' => 'api3',
      ],
      'Contribution' => [
        'entity' => 'Contribution', 'table' => 'civicrm_contribution',
        'make' => ['contact_id' => '#Contact', 'financial_type_id' => 1, 'total_amount' => '60.00', 'receive_date' => '2021-02-03 04:05:06', 'trxn_id' => '@', 'contribution_status_id' => 1, 'source' => 'a box', 'contribution_recur_id' => '#ContributionRecur'],
        'change' => ['source' => 'a letter', 'check_number' => '12'], 'change_there' => ['thankyou_date' => '2021-03-03 00:00:00'], 'how_there' => 'api3',
      ],
      'ContributionSoft' => [
        'entity' => 'ContributionSoft', 'table' => 'civicrm_contribution_soft', 'how' => 'api3',
        'make' => ['contribution_id' => '#Contribution', 'contact_id' => '#Organization', 'amount' => '10.00', 'currency' => 'USD', 'soft_credit_type_id' => 1], 'change' => ['amount' => '20.00'],
      ],
      'Membership' => [
        'entity' => 'Membership', 'table' => 'civicrm_membership', 'how' => 'api3',
        'make' => ['contact_id' => '#Contact', 'membership_type_id' => '#MembershipType', 'join_date' => '2021-01-01', 'start_date' => '2021-01-01', 'end_date' => '2021-12-31'],
        'change' => ['source' => 'a talk'], 'change_there' => ['source' => 'another talk'],
      ],
      'Activity' => [
        'entity' => 'Activity', 'table' => 'civicrm_activity',
        'make' => ['activity_type_id' => 1, 'subject' => '@', 'activity_date_time' => '2021-03-04 10:30:00', 'source_contact_id' => '#Contact', 'target_contact_id' => ['#Organization']],
        'skip' => ['source_contact_id', 'target_contact_id'], 'change' => ['location' => 'here'], 'change_there' => ['details' => 'there'], 'how_there' => 'api3',
      ],
      'UFGroup' => [
        'entity' => 'UFGroup', 'table' => 'civicrm_uf_group', 'how' => 'dao', 'how_deleted' => 'api3',
        'make' => ['name' => '@', 'title' => 'Sign up', 'add_to_group_id' => '#Group', 'is_active' => TRUE, 'help_pre' => '<p>Hello</p>'],
        'change' => ['title' => 'Sign on'], 'change_there' => ['description' => 'by the other site'],
      ],
      'UFField' => [
        'entity' => 'UFField', 'table' => 'civicrm_uf_field',
        'make' => ['uf_group_id' => '#UFGroup', 'field_name' => 'first_name', 'label' => 'First name', 'field_type' => 'Individual', 'is_active' => TRUE, 'visibility' => 'Public Pages'],
        'change' => ['label' => 'Given name', 'is_required' => TRUE], 'change_there' => ['help_post' => 'as in your passport'],
      ],
      'UFField of a custom field' => [
        'entity' => 'UFField', 'table' => 'civicrm_uf_field', 'how' => 'api3',
        'make' => ['uf_group_id' => '#UFGroup', 'field_name' => 'custom_#CustomField', 'label' => 'Size', 'field_type' => 'Contact', 'is_active' => 1, 'visibility' => 'Public Pages'],
      ],
      'UFJoin' => [
        'entity' => 'UFJoin', 'table' => 'civicrm_uf_join',
        'make' => ['uf_group_id' => '#UFGroup', 'module' => 'CiviEvent', 'entity_table' => 'civicrm_event', 'entity_id' => '#Event', 'weight' => 1, 'is_active' => 1],
        'change' => ['uf_group_id' => '#UFGroup', 'module' => 'CiviEvent', 'entity_table' => 'civicrm_event', 'entity_id' => '#Event', 'weight' => 1, 'is_active' => 0],
      ],
      'UFJoin of no entity' => [
        'entity' => 'UFJoin', 'table' => 'civicrm_uf_join', 'how' => 'dao',
        'make' => ['uf_group_id' => '#UFGroup', 'module' => 'Profile', 'weight' => 7], 'change_there' => ['is_active' => FALSE],
      ],
      'PriceSet' => [
        'entity' => 'PriceSet', 'table' => 'civicrm_price_set', 'how' => 'api3',
        'make' => ['name' => '@', 'title' => 'Seats', 'extends' => '2', 'is_active' => 1, 'financial_type_id' => 1], 'change' => ['help_pre' => 'changed'], 'change_there' => ['title' => 'Chairs'],
      ],
      'PriceField' => [
        'entity' => 'PriceField', 'table' => 'civicrm_price_field', 'how' => 'api3',
        'make' => ['price_set_id' => '#PriceSet', 'name' => '@', 'label' => 'Where', 'html_type' => 'Radio', 'is_active' => 1],
        'change' => ['label' => 'Which', 'is_required' => 0], 'change_there' => ['help_post' => 'choose'],
      ],
      'PriceFieldValue' => [
        'entity' => 'PriceFieldValue', 'table' => 'civicrm_price_field_value',
        'make' => ['price_field_id' => '#PriceField', 'name' => '@', 'label' => 'Front', 'amount' => '12.50', 'financial_type_id' => 1], 'change' => ['amount' => '13.75'],
        'change_there' => ['label' => 'First row'],
      ],
      'PriceSetEntity' => [
        'entity' => 'PriceSetEntity', 'table' => 'civicrm_price_set_entity', 'how' => 'dao',
        'make' => ['entity_table' => 'civicrm_event', 'entity_id' => '#Event', 'price_set_id' => '#PriceSet'],
      ],
      'ContributionPage' => [
        'entity' => 'ContributionPage', 'table' => 'civicrm_contribution_page',
        'make' => ['title' => '@', 'financial_type_id' => 1, 'is_active' => TRUE, 'intro_text' => '<p>Give</p>', 'currency' => 'USD', 'goal_amount' => '1000.00', 'campaign_id' => '#Campaign'],
        'change' => ['thankyou_title' => 'Thanks'], 'change_there' => ['goal_amount' => '2000.00'],
      ],
      'PCPBlock' => [
        'entity' => 'PCPBlock', 'table' => 'civicrm_pcp_block', 'how' => 'dao',
        'make' => [
          'entity_table' => 'civicrm_contribution_page', 'entity_id' => '#ContributionPage', 'target_entity_type' => 'contribute', 'target_entity_id' => '#ContributionPage',
          'supporter_profile_id' => '#UFGroup', 'is_active' => 1, 'link_text' => 'Make yours',
        ],
        'change' => ['link_text' => 'Make your own'],
      ],
      'PCP' => [
        'entity' => 'PCP', 'by' => 'Pcp', 'table' => 'civicrm_pcp', 'how' => 'api3',
        'make' => [
          'contact_id' => '#Contact', 'status_id' => 2, 'title' => '@', 'page_type' => 'contribute', 'page_id' => '#ContributionPage', 'pcp_block_id' => '#PCPBlock', 'goal_amount' => '50.00',
          'currency' => 'USD', 'is_active' => 1,
        ],
        'change' => ['intro_text' => 'for the choir', 'contact_id' => '#Contact', 'page_id' => '#ContributionPage', 'pcp_block_id' => '#PCPBlock', 'title' => '@'],
      ],
      'Pledge' => [
        'entity' => 'Pledge', 'table' => 'civicrm_pledge', 'how' => 'api3',
        'make' => [
          'contact_id' => '#Contact', 'financial_type_id' => 1, 'amount' => '120.00', 'original_installment_amount' => '40.00', 'installments' => 3, 'frequency_unit' => 'month',
          'frequency_interval' => 1, 'frequency_day' => 1, 'start_date' => '2031-01-01', 'create_date' => '2030-12-01', 'scheduled_date' => '2031-01-01', 'status_id' => 2, 'currency' => 'USD',
          'campaign_id' => '#Campaign',
        ],
        'skip' => ['scheduled_date'], 'change_there' => ['max_reminders' => 4],
      ],
      'PledgePayment' => [
        'entity' => 'PledgePayment', 'table' => 'civicrm_pledge_payment', 'how' => 'api3',
        'make' => ['pledge_id' => '#Pledge', 'scheduled_amount' => '10.00', 'scheduled_date' => '2032-01-01', 'status_id' => 2, 'currency' => 'USD'],
        'change' => ['reminder_count' => 1],
      ],
      'MembershipPayment' => [
        'entity' => 'MembershipPayment', 'table' => 'civicrm_membership_payment', 'how' => 'api3', 'how_deleted' => 'dao',
        'make' => ['membership_id' => '#Membership', 'contribution_id' => '#Contribution'],
      ],
      'ParticipantPayment' => [
        'entity' => 'ParticipantPayment', 'table' => 'civicrm_participant_payment', 'how' => 'api3', 'how_deleted' => 'dao',
        'make' => ['participant_id' => '#Participant', 'contribution_id' => '#Contribution'],
      ],
      'CaseType' => [
        'entity' => 'CaseType', 'table' => 'civicrm_case_type', 'how' => 'api3',
        'make' => [
          'name' => '@', 'title' => 'Housing', 'is_active' => 1, 'weight' => 1,
          'definition' => [
            'activityTypes' => [['name' => 'Open Case', 'max_instances' => '1'], ['name' => 'Meeting']],
            'activitySets' => [['name' => 'standard_timeline', 'label' => 'Standard', 'timeline' => '1', 'activityTypes' => [['name' => 'Open Case', 'status' => 'Completed']]]],
            'caseRoles' => [['name' => 'Case Coordinator', 'creator' => '1', 'manager' => '1']],
          ],
        ],
        'change' => ['description' => 'changed'], 'change_there' => ['title' => 'Homes'],
      ],
      'Case' => [
        'entity' => 'Case', 'table' => 'civicrm_case', 'how' => 'api3',
        'make' => ['case_type_id' => '#CaseType', 'contact_id' => '#Contact', 'creator_id' => '#Contact', 'subject' => '@', 'status_id' => 1, 'start_date' => '2021-05-06'],
        'skip' => ['contact_id', 'creator_id'], 'change' => ['subject' => 'A roof'], 'change_there' => ['status_id' => 2],
      ],
      'CaseContact' => ['entity' => 'CaseContact', 'table' => 'civicrm_case_contact', 'how' => 'api3', 'make' => ['case_id' => '#Case', 'contact_id' => '#Organization']],
      'CaseActivity' => ['entity' => 'CaseActivity', 'table' => 'civicrm_case_activity', 'how' => 'dao', 'make' => ['case_id' => '#Case', 'activity_id' => '#Activity']],
      'Survey' => [
        'entity' => 'Survey', 'table' => 'civicrm_survey', 'how' => 'api3',
        'make' => ['title' => '@', 'campaign_id' => '#Campaign', 'activity_type_id' => 'Survey', 'instructions' => '<p>Ask</p>', 'result_id' => '#OptionGroup', 'is_active' => 1],
        'change' => ['thankyou_title' => 'Thanks', 'title' => '@'], 'change_there' => ['release_frequency' => 3, 'title' => '@'],
      ],
      'Mailing' => [
        'entity' => 'Mailing', 'table' => 'civicrm_mailing', 'how' => 'api3',
        'make' => [
          'name' => '@', 'subject' => 'News', 'body_html' => '<p>Dear all</p>', 'body_text' => 'Dear all', 'from_name' => 'Us', 'from_email' => 'us@example.org', 'campaign_id' => '#Campaign',
          'open_tracking' => 1,
        ],
        'change' => ['subject' => 'Old news'], 'change_there' => ['body_text' => 'Dear both'],
      ],
      'Grant' => [
        'entity' => 'Grant', 'table' => 'civicrm_grant',
        'make' => ['contact_id' => '#Contact', 'grant_type_id' => 1, 'status_id' => 1, 'amount_total' => '500.00', 'currency' => 'USD', 'application_received_date' => '2021-01-02', 'rationale' => 'a > b'],
        'change' => ['amount_granted' => '400.00', 'status_id' => 2], 'change_there' => ['decision_date' => '2021-02-03'],
      ],
      'a record of a custom set' => [
        'entity' => 'Custom_' . self::set(),
        'make' => ['entity_id' => '#Contact', 'size' => 'a < b'], 'change' => ['entity_id' => '#Contact', 'size' => 'L'],
        'change_there' => ['entity_id' => '#Contact', 'size' => 'XL'],
      ],
      'another record of it' => [
        'entity' => 'Custom_' . self::set(),
        'make' => ['entity_id' => '#Contact', 'size' => 'S'],
      ],
    ];
  }

  /**
   * Deleted on the second site, the others on the first.
   */
  private const GO_THERE = [
    'Email', 'Phone', 'Address that is shared', 'Note', 'GroupNesting', 'GroupContact', 'EntityTag', 'Relationship', 'SavedSearch', 'OptionValue', 'ContributionSoft', 'ACLEntityRole',
    'UFField of a custom field', 'UFJoin', 'PriceSetEntity', 'PCP', 'PledgePayment', 'ParticipantPayment', 'CaseContact', 'CaseActivity', 'Survey', 'Mailing', 'Grant', 'another record of it',
  ];

  private static function life(): void {
    $known = [
      '#Contact' => self::$a->create(['first_name' => 'Ada', 'last_name' => self::name()]),
      '#Organization' => self::$a->create(['contact_type' => 'Organization', 'organization_name' => self::name()]),
    ];
    $r = self::$records = new Records(self::$a, self::$b, self::cases(), $known);
    $keys = array_keys(self::cases());

    $r->make();
    self::$said = self::deliver(self::$a, self::$b);
    $r->find();
    self::note($r, $keys, 'make', 'arrived');
    self::$facts['made'] = array_map(fn(Site $site) => self::facts($site), [self::$a, self::$b]);

    $r->change(self::$a, 'change');
    self::deliver(self::$a, self::$b);
    $r->change(self::$b, 'change_there');
    self::deliver(self::$b, self::$a);
    self::note($r, $keys, 'change', 'changed');
    self::note($r, $keys, 'change_there', 'changed there');
    $mailing = (int) $r->there['#Mailing'];
    self::$facts['mailing'] = [
      (int) self::$b->value("SELECT COUNT(*) FROM civicrm_mailing_job WHERE mailing_id = $mailing"),
      (int) self::$b->value("SELECT COUNT(*) FROM civicrm_mailing_recipients WHERE mailing_id = $mailing"),
      self::$b->value("SELECT scheduled_date FROM civicrm_mailing WHERE id = $mailing"),
    ];
    self::$facts['rounds'] = Network::settle([self::$a, self::$b]);
    self::$facts['changed'] = array_map(fn(Site $site) => self::facts($site), [self::$a, self::$b]);

    $r->delete(self::$b, self::GO_THERE);
    self::deliver(self::$b, self::$a);
    foreach (self::GO_THERE as $key) {
      self::$wrong["$key, deleted there"] = isset($r->here["#$key"]) && $r->isHere($key) ? 'it is still here' : '';
    }
    $r->delete(self::$a, array_values(array_diff($keys, self::GO_THERE)));
    self::deliver(self::$a, self::$b);
    foreach (array_diff($keys, self::GO_THERE) as $key) {
      self::$wrong["$key, deleted here"] = isset($r->there["#$key"]) && $key !== 'a record of a custom set' && $r->isThere($key) ? 'it is still there' : '';
    }
    self::$facts['rounds after'] = Network::settle([self::$a, self::$b]);
  }

  private static function note(Records $records, array $keys, string $which, string $what): void {
    foreach ($keys as $key) {
      if (isset(self::cases()[$key][$which])) {
        self::$wrong["$key, $what"] = isset($records->cases[$key]) ? (string) $records->difference($key, $which) : 'it could not be made';
      }
    }
  }

  /**
   * What CiviCRM makes by itself besides what is written.
   */
  private static function facts(Site $site): array {
    $r = self::$records;
    $of = fn(string $key) => ($site === self::$a ? $r->here : $r->there)["#$key"] ?? 0;
    return [
      'line items' => $site->sql("SELECT entity_table, label, qty, unit_price, line_total FROM civicrm_line_item WHERE contribution_id = {$of('Contribution')}"),
      'transactions' => $site->sql("SELECT t.total_amount, t.is_payment FROM civicrm_financial_trxn t INNER JOIN civicrm_entity_financial_trxn e ON e.financial_trxn_id = t.id
        WHERE e.entity_table = 'civicrm_contribution' AND e.entity_id = {$of('Contribution')} ORDER BY t.total_amount"),
      'financial items' => $site->sql("SELECT i.amount, i.description FROM civicrm_financial_item i INNER JOIN civicrm_line_item l ON i.entity_table = 'civicrm_line_item' AND i.entity_id = l.id
        WHERE l.contribution_id = {$of('Contribution')}"),
      'payments' => $site->sql("SELECT scheduled_amount, scheduled_date, reminder_count FROM civicrm_pledge_payment WHERE pledge_id = {$of('Pledge')} ORDER BY scheduled_date"),
      'activities' => $site->sql("SELECT a.activity_type_id, COUNT(DISTINCT a.id) n FROM civicrm_activity a INNER JOIN civicrm_activity_contact c ON c.activity_id = a.id
        WHERE c.contact_id = {$of('Contact')} GROUP BY a.activity_type_id ORDER BY a.activity_type_id"),
      'case activities' => $site->sql("SELECT a.subject, a.activity_type_id FROM civicrm_activity a INNER JOIN civicrm_case_activity c ON c.activity_id = a.id WHERE c.case_id = {$of('Case')} ORDER BY a.activity_type_id, a.subject"),
      'case roles' => $site->sql("SELECT relationship_type_id, is_active FROM civicrm_relationship WHERE case_id = {$of('Case')} ORDER BY relationship_type_id"),
      'activity contacts' => $site->sql("SELECT record_type_id FROM civicrm_activity_contact WHERE activity_id = {$of('Activity')} ORDER BY record_type_id"),
      'roles' => $site->sql("SELECT a.operation, a.object_id, v.name FROM civicrm_acl a INNER JOIN civicrm_option_value v ON v.value = a.entity_id
        INNER JOIN civicrm_option_group g ON g.id = v.option_group_id AND g.name = 'acl_role' WHERE a.id = {$of('ACL for all groups')}"),
      'records of the set' => array_column($site->get('Custom_' . self::set(), [['entity_id', '=', $of('Contact')]], ['size']), 'size'),
    ];
  }

  public static function keys(): array {
    return array_map(fn($key) => [$key], array_combine(array_keys(self::cases()), array_keys(self::cases())));
  }

  /**
   * @dataProvider keys
   */
  public function test_it_comes_changes_on_both_sites_and_goes(string $key): void {
    $wrong = array_filter(self::$wrong, fn($what, $of) => $what !== '' && strpos($of, "$key, ") === 0, ARRAY_FILTER_USE_BOTH);
    self::assertSame([], $wrong, self::$said);
    self::assertCount(isset(self::cases()[$key]['change']) + isset(self::cases()[$key]['change_there']) + 2,
      array_filter(self::$wrong, fn($of) => strpos($of, "$key, ") === 0, ARRAY_FILTER_USE_KEY));
  }

  public function test_all_that_was_asked_for_was_done(): void {
    self::assertSame([], self::$records->failed);
  }

  public static function made(): array {
    return array_map(fn($what) => [$what], ['line items', 'transactions', 'financial items', 'payments', 'activities', 'case activities', 'case roles', 'activity contacts', 'roles', 'records of the set']);
  }

  /**
   * @dataProvider made
   */
  public function test_what_civicrm_makes_by_itself_is_there_once(string $what): void {
    self::assertNotSame([], self::$facts['made'][0][$what]);
    self::assertSame(self::$facts['made'][0][$what], self::$facts['made'][1][$what], 'made');
    self::assertSame(self::$facts['changed'][0][$what], self::$facts['changed'][1][$what], 'changed');
  }

  public function test_a_mailing_is_a_draft_for_nobody_over_there(): void {
    self::assertSame([0, 0, NULL], self::$facts['mailing']);
  }

  public function test_all_falls_silent(): void {
    self::assertLessThan(8, self::$facts['rounds']);
    self::assertLessThan(8, self::$facts['rounds after']);
    foreach ([self::$a, self::$b] as $site) {
      self::assertSame([], array_column($site->ask('return \Civi\Share\Native::store()->deadLetters([]);'), 'reason'), $site->name);
    }
  }

}

<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * What a person enters on CiviCRM's screens arrives: its forms, its imports, its actions on many.
 */
final class FormsTest extends AllTypesTest {

  protected static function prepare(Site $site): void {
    self::enableComponents($site);
  }

  /**
   * Entity => [table, path, query, fields, how the button's name begins, columns that hold what was entered]; "@" is a name of its
   * own, "#cid" the contact, "#oid" the organization. A form that later releases have elsewhere has both paths, and one with fields that only
   * these have and demand has them too.
   */
  private static function forms(): array {
    return [
      'Note' => ['civicrm_note', 'civicrm/contact/view/note|civicrm/note', 'reset=1&action=add&cid=#cid&entity_table=civicrm_contact&entity_id=#cid', ['subject' => '@', 'note' => 'a < b'], '_qf_Note_upload', ['subject', 'note']],
      'Group' => ['civicrm_group', 'civicrm/group/add', 'reset=1', ['title' => '@', 'frontend_title' => '@', 'description' => 'by a form'], '_qf_Edit_next', ['title', 'description']],
      'Tag' => ['civicrm_tag', 'civicrm/tag/edit', 'action=add', ['name' => '@', 'label' => '@'], '_qf_Edit_next', ['name']],
      'RelationshipType' => [
        'civicrm_relationship_type', 'civicrm/admin/reltype|civicrm/admin/reltype/edit', 'action=add&reset=1', ['label_a_b' => '@ a', 'label_b_a' => '@ b'], '_qf_RelationshipType_next', ['label_a_b', 'name_a_b'],
      ],
      'LocationType' => ['civicrm_location_type', 'civicrm/admin/locationType|civicrm/admin/locationType/edit', 'action=add&reset=1', ['name' => '@', 'display_name' => 'Boat'], '_qf_LocationType_next', ['name', 'display_name']],
      'FinancialType' => ['civicrm_financial_type', 'civicrm/admin/financial/financialType|civicrm/admin/financial/financialType/edit', 'action=add&reset=1', ['name' => '@', 'label' => '@'], '_qf_FinancialType_next', ['name']],
      'OptionValue' => ['civicrm_option_value', 'civicrm/admin/options/gender', 'action=add&reset=1', ['label' => '@'], '_qf_Options_', ['label', 'name']],
      'CustomGroup' => ['civicrm_custom_group', 'civicrm/admin/custom/group|civicrm/admin/custom/group/edit', 'action=add&reset=1', ['title' => '@', 'extends' => ['Contact']], '_qf_Group_next', ['title', 'extends']],
      'UFGroup' => ['civicrm_uf_group', 'civicrm/admin/uf/group/add', 'action=add&reset=1', ['title' => '@', 'frontend_title' => '@'], '_qf_Group_next', ['title']],
      'PriceSet' => ['civicrm_price_set', 'civicrm/admin/price|civicrm/admin/price/add', 'action=add&reset=1', ['title' => '@', 'extends' => [1 => 1], 'financial_type_id' => 1], '_qf_Set_next', ['title', 'extends']],
      'Campaign' => [
        'civicrm_campaign', 'civicrm/campaign/add', 'reset=1', ['title' => '@', 'campaign_type_id' => 1, 'start_date' => '2031-01-02 10:00:00', 'description' => 'by a form'], '_qf_Campaign_upload',
        ['title', 'description'],
      ],
      'Event' => [
        'civicrm_event', 'civicrm/event/add', 'reset=1&action=add', ['event_type_id' => 1, 'title' => '@', 'start_date' => '2031-01-02 10:00:00', 'default_role_id' => 1], '_qf_EventInfo_upload',
        ['title', 'start_date'],
      ],
      'Relationship' => [
        'civicrm_relationship', 'civicrm/contact/view/rel', 'cid=#cid&action=add&reset=1', ['relationship_type_id' => '5_a_b', 'related_contact_id' => '#oid', 'is_active' => 1, 'description' => 'by a form'],
        '_qf_Relationship_upload', ['relationship_type_id', 'description', 'is_active'],
      ],
      'Activity' => [
        'civicrm_activity', 'civicrm/activity/add', 'reset=1&action=add&context=standalone&atype=1',
        ['subject' => '@', 'activity_date_time' => '2021-03-04 10:30:00', 'source_contact_id' => '#cid', 'target_contact_id' => '#oid', 'status_id' => 1, 'activity_type_id' => 1], '_qf_Activity_upload',
        ['subject', 'activity_date_time'],
      ],
      'Contribution' => [
        'civicrm_contribution', 'civicrm/contact/view/contribution', 'reset=1&action=add&cid=#cid&context=contribution',
        ['financial_type_id' => 1, 'total_amount' => '33.00', 'receive_date' => '2021-03-04 10:30:00', 'source' => 'by a form', 'contribution_status_id' => 1], '_qf_Contribution_upload',
        ['total_amount', 'source', 'receive_date'],
      ],
      'Grant' => [
        'civicrm_grant', 'civicrm/contact/view/grant|civicrm/grant/add', 'reset=1&action=add&cid=#cid&context=grant', ['status_id' => 1, 'grant_type_id' => 1, 'amount_total' => '44.00', 'application_received_date' => '2021-01-01'],
        '_qf_Grant_upload', ['amount_total', 'application_received_date'],
      ],
      'Pledge' => [
        'civicrm_pledge', 'civicrm/contact/view/pledge', 'reset=1&action=add&cid=#cid&context=pledge',
        [
          'amount' => '60.00', 'installments' => 2, 'frequency_interval' => 1, 'frequency_unit' => 'month', 'frequency_day' => 1, 'eachPaymentAmount' => '30.00', 'financial_type_id' => 1,
          'create_date' => '2031-01-01', 'start_date' => '2031-02-01',
        ],
        '_qf_Pledge_upload', ['amount', 'installments'],
      ],
    ];
  }

  public function test_what_is_entered_in_a_form_arrives(): void {
    [$contact, $there] = self::sharedPerson();
    $organization = self::$a->create(['contact_type' => 'Organization', 'organization_name' => self::name()]);
    $browser = new Browser(self::$a);
    $browser->login() || $this->skip('no login form known for this CMS, or no SITE_ADMIN_USER');
    $made = $failed = [];
    $count = fn(string $table) => (int) self::$a->value("SELECT COALESCE(MAX(id), 0) FROM $table");
    foreach (self::forms() as $entity => [$table, $path, $query, $fields, $button]) {
      $before = $count($table);
      $say = ['@' => str_replace(' ', '_', self::name('form')), '#cid' => (string) $contact, '#oid' => (string) $organization];
      try {
        foreach (explode('|', $path) as $one) {
          $browser->page($one, strtr($query, $say));
          if ($browser->hasForm()) {
            break;
          }
        }
        $browser->submit(array_map(fn($value) => is_string($value) ? strtr($value, $say) : $value, $fields), $button);
      }
      catch (\RuntimeException $e) {
        $failed[$entity] = $e->getMessage();
        continue;
      }
      $after = $count($table);
      if ($after > $before) {
        $made[$entity] = $after;
      }
      else {
        preg_match_all('/crm-error[^>]*>(.*?)</s', $browser->html, $errors);
        $failed[$entity] = 'nothing was made: ' . trim(implode(' ', $errors[1])) . substr(trim(preg_replace('/\s+/', ' ', strip_tags($browser->html))), 0, 600);
      }
    }
    $said = self::deliver(self::$a, self::$b);
    self::deliver(self::$b, self::$a);
    foreach ([[self::$a, $contact], [self::$b, $there]] as [$site, $id]) {
      self::assertSame('1', $site->value("SELECT COUNT(DISTINCT a.id) FROM civicrm_activity a INNER JOIN civicrm_activity_contact c ON c.activity_id = a.id
        WHERE a.activity_type_id = 6 AND c.contact_id = $id"), "activities of the contribution on {$site->name}");
    }
    foreach ($made as $entity => $id) {
      [$table, , , , , $columns] = self::forms()[$entity];
      $there = self::there($entity, $id);
      if ($there === NULL) {
        $failed[$entity] = "it has not arrived: $said";
        continue;
      }
      $select = 'SELECT `' . implode('`, `', $columns) . "` FROM $table WHERE id = ";
      if (self::$a->sql($select . $id) !== self::$b->sql($select . $there)) {
        $failed[$entity] = json_encode([self::$a->sql($select . $id), self::$b->sql($select . $there)]);
      }
    }
    self::assertSame([], $failed);
    self::assertCount(count(self::forms()), $made);
  }

  /**
   * Rows of CiviCRM's own imports: parser => [fields, values]; "#cid" and the like as above. What has been renamed, parser or field, has all
   * its names.
   */
  private static function imports(): array {
    return [
      'CRM_Contact_Import_Parser_Contact' => [['first_name', 'last_name', 'job_title'], ['Iwan', '@', 'Importer']],
      'CRM_Activity_Import_Parser_Activity|Civi\Import\ActivityParser' => [
        [
          'target_contact_id|TargetContact.id', 'activity_type_id|Activity.activity_type_id', 'activity_date_time|Activity.activity_date_time',
          'activity_subject|subject|Activity.subject',
        ],
        ['#cid', '1', '2021-03-04', '@'],
      ],
      'CRM_Contribute_Import_Parser_Contribution|Civi\Import\ContributionParser' => [
        [
          'contribution_contact_id|contact_id|Contribution.contact_id', 'total_amount|Contribution.total_amount',
          'financial_type|financial_type_id|Contribution.financial_type_id', 'receive_date|Contribution.receive_date', 'trxn_id|Contribution.trxn_id',
        ],
        ['#cid', '77.00', 'Donation', '2021-03-04', '@'],
      ],
      'CRM_Event_Import_Parser_Participant|Civi\Import\ParticipantParser' => [
        [
          'participant_contact_id|contact_id|Participant.contact_id', 'event_id|Participant.event_id', 'participant_status_id|status_id|Participant.status_id',
          'participant_register_date|register_date|Participant.register_date',
        ],
        ['#cid', '#event', '1', '2021-03-04'],
      ],
      'CRM_Member_Import_Parser_Membership|Civi\Import\MembershipParser' => [
        [
          'membership_contact_id|contact_id|Contact.id', 'membership_type_id|Membership.membership_type_id', 'join_date|membership_join_date|Membership.join_date',
          'membership_start_date|start_date|Membership.start_date', 'membership_source|source|Membership.source',
        ],
        ['#cid', '#type', '2021-03-04', '2021-03-04', '@'],
      ],
    ];
  }

  /**
   * Imports a row by each parser.
   *
   * @return array<string, string>
   *   Parser => what went wrong, if anything did.
   */
  private static function import(array $imports): array {
    return self::$a->request('
      // Later releases import jobs that were prepared on the screens before.
      $byJob = function (string $class, array $fields, array $values): string {
        $type = array_column(CRM_Core_BAO_UserJob::getTypes(), "id", "class")[$class];
        $columns = [];
        foreach ($values as $number => $value) {
          $columns[] = "\'" . CRM_Core_DAO::escapeString($value) . "\' AS c$number";
        }
        $submitted = [
          "dataSource" => "CRM_Import_DataSource_SQL", "sqlQuery" => "SELECT " . implode(", ", $columns), "contactType" => "Individual", "contactSubType" => NULL, "dedupe_rule_id" => NULL,
          "dateFormats" => CRM_Utils_Date::DATE_yyyy_mm_dd, "onDuplicate" => CRM_Import_Parser::DUPLICATE_SKIP, "mapper" => [],
        ];
        $job = civicrm_api4("UserJob", "create", ["checkPermissions" => FALSE, "values" => [
          "job_type" => $type, "status_id:name" => "draft", "created_id" => CRM_Core_Session::getLoggedInContactID(), "metadata" => ["submitted_values" => $submitted],
        ]])->first()["id"];
        $parser = new $class();
        $parser->setUserJobID($job);
        $parser->init();
        $known = $parser->getImportableFieldsMetadata();
        foreach ($fields as $names) {
          $submitted["mapper"][] = [current(array_filter(explode("|", $names), fn($name) => isset($known[$name])))];
        }
        $metadata = ["submitted_values" => $submitted];
        if (strpos($class, "CRM_") !== 0) {
          $metadata["import_mappings"] = array_map(fn($field) => ["name" => $field[0]], $submitted["mapper"]);
        }
        civicrm_api4("UserJob", "update", ["checkPermissions" => FALSE, "where" => [["id", "=", $job]], "values" => ["metadata" => $metadata]]);
        (new CRM_Import_DataSource_SQL($job))->initialize();
        $class::runJob(new CRM_Queue_TaskContext(), $job, 10, 0);
        $table = civicrm_api4("UserJob", "get", ["checkPermissions" => FALSE, "where" => [["id", "=", $job]]])->first()["metadata"]["DataSource"]["table_name"];
        $row = CRM_Core_DAO::executeQuery("SELECT _status, _status_message FROM $table")->fetchAll()[0];
        return strtoupper($row["_status"]) === "IMPORTED" ? "" : implode(": ", $row);
      };
      $byRow = function (string $class, array $fields, array $values): string {
        CRM_Core_Session::singleton()->set("dateTypes", CRM_Core_Form_Date::DATE_yyyy_mm_dd);
        $parser = new $class(array_map(fn($names) => explode("|", $names)[0], $fields));
        $parser->_contactType = "Individual";
        $parser->_onDuplicate = CRM_Import_Parser::DUPLICATE_NOCHECK;
        $parser->init();
        // That of contributions answers nothing where no pledge is paid.
        return in_array($parser->import(CRM_Import_Parser::DUPLICATE_NOCHECK, $values), [CRM_Import_Parser::VALID, NULL], TRUE) ? "" : json_encode($values);
      };
      $answers = [];
      foreach ($imports as $classes => [$fields, $values]) {
        $class = current(array_filter(explode("|", $classes), "class_exists"));
        $answers[$classes] = method_exists($class, "setUserJobID") ? $byJob($class, $fields, $values) : $byRow($class, $fields, $values);
      }
      return $answers;', ['imports' => $imports]);
  }

  public function test_what_is_imported_arrives(): void {
    [$contact, $there] = self::sharedPerson();
    $type = self::name('Type');
    self::$a->api4('MembershipType', 'create', ['values' => [
      'name' => $type, 'domain_id' => 1, 'member_of_contact_id' => $contact, 'financial_type_id' => 2, 'duration_unit' => 'year', 'duration_interval' => 1, 'period_type' => 'rolling', 'is_active' => TRUE,
    ]]);
    $say = [
      '@' => str_replace(' ', '_', self::name('row')),
      '#type' => $type,
      '#cid' => (string) $contact,
      '#event' => (string) self::$a->api4('Event', 'create', ['values' => ['title' => self::name('Event'), 'event_type_id' => 1, 'start_date' => '2031-01-02 10:00:00']])[0]['id'],
    ];
    $imports = array_map(fn($import) => [$import[0], array_map(fn($value) => strtr($value, $say), $import[1])], self::imports());
    self::assertSame(array_fill_keys(array_keys($imports), ''), self::import($imports));
    $said = self::deliver(self::$a, self::$b);

    $name = $say['@'];
    self::assertSame('Importer', self::$b->value("SELECT job_title FROM civicrm_contact WHERE last_name = '$name'"), $said);
    foreach ([
      "SELECT COUNT(*) FROM civicrm_activity a INNER JOIN civicrm_activity_contact c ON c.activity_id = a.id WHERE a.subject = '$name' AND c.contact_id = ",
      "SELECT COUNT(*) FROM civicrm_contribution WHERE trxn_id = '$name' AND total_amount = 77 AND contact_id = ",
      'SELECT COUNT(*) FROM civicrm_participant WHERE status_id = 1 AND contact_id = ',
      "SELECT COUNT(*) FROM civicrm_membership WHERE source = '$name' AND contact_id = ",
    ] as $query) {
      self::assertSame('1', self::$a->value($query . $contact), $query);
      self::assertSame('1', self::$b->value($query . $there), "$query: $said");
    }
  }

  public function test_what_is_done_to_many_at_once_arrives(): void {
    [$one, $oneThere] = self::sharedPerson();
    [$two, $twoThere] = self::sharedPerson();
    $name = str_replace(' ', '_', self::name('many'));
    self::$a->request('
      $tag = civicrm_api4("Tag", "create", ["checkPermissions" => FALSE, "values" => ["name" => $name, "used_for" => ["civicrm_contact"]]])->first()["id"];
      $group = civicrm_api4("Group", "create", ["checkPermissions" => FALSE, "values" => ["title" => $name, "name" => $name]])->first()["id"];
      CRM_Core_BAO_EntityTag::addEntitiesToTag($ids, $tag, "civicrm_contact", FALSE);
      CRM_Contact_BAO_GroupContact::addContactsToGroup($ids, $group);', ['ids' => [$one, $two], 'name' => $name]);
    $said = self::deliver(self::$a, self::$b);
    $tags = "SELECT GROUP_CONCAT(e.entity_id ORDER BY e.entity_id) FROM civicrm_entity_tag e INNER JOIN civicrm_tag t ON t.id = e.tag_id WHERE t.name = '$name'";
    $members = "SELECT GROUP_CONCAT(c.contact_id ORDER BY c.contact_id) FROM civicrm_group_contact c INNER JOIN civicrm_group g ON g.id = c.group_id WHERE c.status = 'Added' AND g.name = '$name'";
    self::assertSame("$oneThere,$twoThere", self::$b->value($tags), $said);
    self::assertSame("$oneThere,$twoThere", self::$b->value($members));

    self::$a->request('
      $tag = CRM_Core_DAO::getFieldValue("CRM_Core_DAO_Tag", $name, "id", "name");
      $group = CRM_Core_DAO::getFieldValue("CRM_Contact_DAO_Group", $name, "id", "name");
      CRM_Core_BAO_EntityTag::removeEntitiesFromTag($first, $tag, "civicrm_contact", FALSE);
      CRM_Contact_BAO_GroupContact::removeContactsFromGroup($first, $group);', ['first' => [$one], 'name' => $name]);
    self::deliver(self::$a, self::$b);
    self::assertSame((string) $twoThere, self::$b->value($tags));
    self::assertSame((string) $twoThere, self::$b->value($members));
    // Who was in a group and no longer is, is kept, as over here.
    $history = fn(Site $site, int $id) => array_column($site->sql("SELECT h.status FROM civicrm_subscription_history h INNER JOIN civicrm_group g ON g.id = h.group_id
      WHERE g.name = '$name' AND h.contact_id = $id ORDER BY h.id"), 'status');
    self::assertSame(['Added', 'Removed'], $history(self::$a, $one));
    self::assertSame(['Added', 'Removed'], $history(self::$b, $oneThere));
    self::assertSame($history(self::$a, $two), $history(self::$b, $twoThere));
  }

}

<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * Everything that belongs to a contact, and what it refers to, travels: made, changed and deleted by both APIs.
 */
final class TypesTest extends AllTypesTest {

  private static function row(Site $site, string $table, ?int $id): ?array {
    return $id === NULL ? NULL : $site->sql("SELECT * FROM $table WHERE id = $id")[0] ?? NULL;
  }

  private static function assertRow(array $values, Site $site, string $table, ?int $id, string $message = ''): void {
    $row = self::row($site, $table, $id);
    self::assertNotNull($row, "$message: no such row of $table on {$site->name}");
    self::assertEquals($values, array_intersect_key($row, $values), "$message: $table");
  }

  private static function both(): string {
    $said = self::deliver(self::$a, self::$b);
    return $said . self::deliver(self::$b, self::$a);
  }

  /**
   * Entities that hang on one contact: entity => [table, values of the API, columns over there, change, columns then].
   */
  public static function parts(): array {
    return [
      'Email' => ['Email', 'civicrm_email', ['email' => 'anna@example.org', 'location_type_id' => 1], ['email' => 'anna@example.org', 'is_primary' => 1],
        ['email' => 'anna.b@example.org', 'on_hold' => 1], ['email' => 'anna.b@example.org', 'on_hold' => 1],
      ],
      'Phone' => ['Phone', 'civicrm_phone', ['phone' => '030 123-45', 'phone_type_id' => 2, 'location_type_id' => 2], ['phone' => '030 123-45', 'phone_numeric' => '03012345'],
        ['phone' => '030 99', 'phone_ext' => '7'], ['phone' => '030 99', 'phone_ext' => '7', 'phone_numeric' => '03099'],
      ],
      'Address' => ['Address', 'civicrm_address', ['street_address' => 'Feldweg <1>', 'city' => 'Köln', 'postal_code' => '50667', 'country_id' => 1082, 'location_type_id' => 1],
        ['city' => 'Köln', 'postal_code' => '50667', 'country_id' => 1082],
        ['city' => 'Bonn', 'postal_code' => '53111'], ['city' => 'Bonn', 'postal_code' => '53111'],
      ],
      'IM' => ['IM', 'civicrm_im', ['name' => 'anna_im', 'provider_id' => 1, 'location_type_id' => 1], ['name' => 'anna_im', 'provider_id' => 1], ['name' => 'anna2'], ['name' => 'anna2']],
      'Website' => ['Website', 'civicrm_website', ['url' => 'https://example.org/a', 'website_type_id' => 1], ['url' => 'https://example.org/a', 'website_type_id' => 1],
        ['url' => 'https://example.org/b'], ['url' => 'https://example.org/b'],
      ],
    ];
  }

  /**
   * @dataProvider parts
   */
  public function test_what_belongs_to_a_contact_comes_changes_and_goes(string $entity, string $table, array $values, array $columns, array $change, array $then): void {
    foreach (['api4', 'api3'] as $api) {
      [$contact, $contactThere] = self::sharedPerson();

      $id = $api === 'api4' ? (int) self::$a->api4($entity, 'create', ['values' => ['contact_id' => $contact] + $values])[0]['id']
        : (int) self::$a->api3($entity, 'create', ['contact_id' => $contact] + $values)['id'];
      $said = self::deliver(self::$a, self::$b);
      $there = self::there($entity, $id);
      self::assertNotNull($there, "$api: it has not arrived: $said");
      self::assertRow($columns + ['contact_id' => $contactThere], self::$b, $table, $there, "$api, created");

      $api === 'api4' ? self::$a->api4($entity, 'update', ['where' => [['id', '=', $id]], 'values' => $change])
        : self::$a->api3($entity, 'create', ['id' => $id, 'contact_id' => $contact] + $change);
      self::deliver(self::$a, self::$b);
      self::assertRow($then, self::$b, $table, $there, "$api, changed");

      $api === 'api4' ? self::$a->api4($entity, 'delete', ['where' => [['id', '=', $id]]]) : self::$a->api3($entity, 'delete', ['id' => $id]);
      $said = self::deliver(self::$a, self::$b);
      self::assertNull(self::row(self::$b, $table, $there), "$api, deleted: $said");
      self::assertStringNotContainsString('dead letters', $said);
    }
  }

  public function test_the_second_email_becomes_primary_on_both_sites(): void {
    [$contact] = self::sharedPerson();
    $first = (int) self::$a->api4('Email', 'create', ['values' => ['contact_id' => $contact, 'email' => 'one@example.org']])[0]['id'];
    $second = (int) self::$a->api4('Email', 'create', ['values' => ['contact_id' => $contact, 'email' => 'two@example.org', 'is_primary' => TRUE]])[0]['id'];
    self::both();
    self::both();
    foreach ([[$first, 0], [$second, 1]] as [$id, $primary]) {
      self::assertRow(['is_primary' => $primary], self::$a, 'civicrm_email', $id, 'here');
      self::assertRow(['is_primary' => $primary], self::$b, 'civicrm_email', self::there('Email', $id), 'there');
    }

    self::$b->api4('Email', 'update', ['where' => [['id', '=', self::there('Email', $first)]], 'values' => ['is_primary' => TRUE]]);
    self::deliver(self::$b, self::$a);
    self::both();
    foreach ([[$first, 1], [$second, 0]] as [$id, $primary]) {
      self::assertRow(['is_primary' => $primary], self::$a, 'civicrm_email', $id, 'here, afterwards');
      self::assertRow(['is_primary' => $primary], self::$b, 'civicrm_email', self::there('Email', $id), 'there, afterwards');
    }
  }

  public function test_a_part_of_a_contact_that_was_never_shared_brings_it_along(): void {
    self::letThrough(self::$a, ['civishare.change.tag.base']);
    $id = self::$a->create(['first_name' => 'Otto', 'last_name' => self::name()]);
    self::letThrough(self::$a, self::declared(self::$a));
    self::assertNull(self::$a->uid($id));

    $email = (int) self::$a->api4('Email', 'create', ['values' => ['contact_id' => $id, 'email' => 'otto@example.org']])[0]['id'];
    $said = self::deliver(self::$a, self::$b);

    self::assertContact(['first_name' => 'Otto'], self::$b, self::$b->counterpart(self::$a, $id), $said);
    self::assertRow(['contact_id' => self::$b->counterpart(self::$a, $id)], self::$b, 'civicrm_email', self::there('Email', $email));
  }

  public function test_a_relationship_and_an_employer_arrive(): void {
    [$person, $personThere] = self::sharedPerson();
    $org = self::$a->create(['contact_type' => 'Organization', 'organization_name' => self::name('Works')]);
    self::$a->update($person, ['employer_id' => $org]);
    $type = (int) self::$a->value("SELECT id FROM civicrm_relationship_type WHERE name_a_b = 'Sibling of'");
    [$sibling, $siblingThere] = self::sharedPerson();
    $id = (int) self::$a->api4('Relationship', 'create', ['values' => ['contact_id_a' => $person, 'contact_id_b' => $sibling, 'relationship_type_id' => $type, 'description' => 'twins']])[0]['id'];
    self::both();
    self::both();

    $there = self::there('Relationship', $id);
    self::assertRow(['contact_id_a' => $personThere, 'contact_id_b' => $siblingThere, 'description' => 'twins', 'is_active' => 1], self::$b, 'civicrm_relationship', $there);
    $orgThere = self::$b->counterpart(self::$a, $org);
    self::assertContact(['employer_id' => $orgThere], self::$b, $personThere);
    foreach ([[self::$a, $person], [self::$b, $personThere]] as [$site, $contact]) {
      self::assertSame('2', $site->value("SELECT COUNT(*) FROM civicrm_relationship WHERE contact_id_a = $contact"), "relationships on {$site->name}");
    }

    self::$a->api3('Relationship', 'create', ['id' => $id, 'is_active' => 0, 'end_date' => '2020-02-01']);
    self::deliver(self::$a, self::$b);
    self::assertRow(['is_active' => 0, 'end_date' => '2020-02-01'], self::$b, 'civicrm_relationship', $there);
    self::$a->api4('Relationship', 'delete', ['where' => [['id', '=', $id]]]);
    self::deliver(self::$a, self::$b);
    self::assertNull(self::row(self::$b, 'civicrm_relationship', $there));
  }

  public function test_groups_and_who_is_in_them_arrive(): void {
    [$contact, $contactThere] = self::sharedPerson();
    $name = self::name('Choir');
    $group = (int) self::$a->api4('Group', 'create', ['values' => ['title' => $name, 'description' => 'sings', 'group_type' => ['2']]])[0]['id'];
    $sub = (int) self::$a->api3('Group', 'create', ['title' => "$name sub", 'parents' => $group])['id'];
    self::$a->api3('GroupContact', 'create', ['group_id' => $group, 'contact_id' => $contact]);
    self::deliver(self::$a, self::$b);

    $there = self::there('Group', $group);
    self::assertRow(['title' => $name, 'description' => 'sings', 'is_active' => 1], self::$b, 'civicrm_group', $there);
    $status = "SELECT status FROM civicrm_group_contact WHERE group_id = $there AND contact_id = $contactThere";
    self::assertSame('Added', self::$b->value($status));
    $subThere = self::there('Group', $sub);
    self::assertSame('1', self::$b->value("SELECT COUNT(*) FROM civicrm_group_nesting WHERE child_group_id = $subThere AND parent_group_id = $there"));

    self::$a->api3('GroupContact', 'delete', ['group_id' => $group, 'contact_id' => $contact]);
    self::deliver(self::$a, self::$b);
    self::assertSame('Removed', self::$b->value($status));
    self::$a->api4('GroupContact', 'update', ['where' => [['group_id', '=', $group], ['contact_id', '=', $contact]], 'values' => ['status' => 'Added']]);
    self::deliver(self::$a, self::$b);
    self::assertSame('Added', self::$b->value($status));
    self::$a->api4('GroupContact', 'delete', ['where' => [['group_id', '=', $group], ['contact_id', '=', $contact]]]);
    self::deliver(self::$a, self::$b);
    self::assertNull(self::$b->value($status));

    // By the list of a search, which replaces rows.
    self::$a->request('$ids = [$contact]; CRM_Contact_BAO_GroupContact::addContactsToGroup($ids, $group);', ['contact' => $contact, 'group' => $group]);
    self::deliver(self::$a, self::$b);
    self::assertSame('Added', self::$b->value($status));

    self::$a->api3('Group', 'create', ['id' => $group, 'description' => 'sings and plays']);
    self::deliver(self::$a, self::$b);
    self::assertRow(['description' => 'sings and plays'], self::$b, 'civicrm_group', $there);
    self::$a->api3('Group', 'delete', ['id' => $group]);
    $said = self::deliver(self::$a, self::$b);
    self::assertNull(self::row(self::$b, 'civicrm_group', $there), $said);
  }

  public function test_tags_arrive(): void {
    [$contact, $contactThere] = self::sharedPerson();
    $name = self::name('Friend');
    $tag = (int) self::$a->api4('Tag', 'create', ['values' => ['name' => $name, 'used_for' => ['civicrm_contact'], 'color' => '#ff0000']])[0]['id'];
    $child = (int) self::$a->api3('Tag', 'create', ['name' => "$name child", 'parent_id' => $tag])['id'];
    self::$a->api3('EntityTag', 'create', ['entity_table' => 'civicrm_contact', 'entity_id' => $contact, 'tag_id' => $tag]);
    self::$a->api4('EntityTag', 'create', ['values' => ['entity_table' => 'civicrm_contact', 'entity_id' => $contact, 'tag_id' => $child]]);
    self::deliver(self::$a, self::$b);

    [$there, $childThere] = [self::there('Tag', $tag), self::there('Tag', $child)];
    self::assertRow(['name' => $name, 'color' => '#ff0000'], self::$b, 'civicrm_tag', $there);
    self::assertRow(['parent_id' => $there], self::$b, 'civicrm_tag', $childThere);
    $tags = "SELECT GROUP_CONCAT(tag_id ORDER BY tag_id) FROM civicrm_entity_tag WHERE entity_table = 'civicrm_contact' AND entity_id = $contactThere";
    self::assertSame("$there,$childThere", self::$b->value($tags));

    self::$a->api3('EntityTag', 'delete', ['entity_table' => 'civicrm_contact', 'entity_id' => $contact, 'tag_id' => $tag]);
    self::deliver(self::$a, self::$b);
    self::assertSame((string) $childThere, self::$b->value($tags));
    self::$a->api4('Tag', 'update', ['where' => [['id', '=', $child]], 'values' => ['description' => 'changed']]);
    self::deliver(self::$a, self::$b);
    self::assertRow(['description' => 'changed'], self::$b, 'civicrm_tag', $childThere);
    self::$a->api4('Tag', 'delete', ['where' => [['id', '=', $child]]]);
    self::deliver(self::$a, self::$b);
    self::assertNull(self::row(self::$b, 'civicrm_tag', $childThere));
    self::assertNull(self::$b->value($tags));
  }

  public function test_a_tag_that_is_moved_to_where_it_is_over_there_already_is_one_with_that(): void {
    array_map([self::class, 'discardLetters'], [self::$a, self::$b]);
    [$from] = self::sharedPerson();
    [$to, $toThere] = self::sharedPerson();
    $tag = (int) self::$a->api4('Tag', 'create', ['values' => ['name' => self::name('Moved'), 'used_for' => ['civicrm_contact']]])[0]['id'];
    self::$a->api3('EntityTag', 'create', ['entity_table' => 'civicrm_contact', 'entity_id' => $from, 'tag_id' => $tag]);
    Network::settle([self::$a, self::$b]);
    $tagThere = self::there('Tag', $tag);
    $who = fn(Site $site, int $tag) => (string) $site->value("SELECT GROUP_CONCAT(entity_id) FROM civicrm_entity_tag WHERE tag_id = $tag");

    self::$b->api3('EntityTag', 'create', ['entity_table' => 'civicrm_contact', 'entity_id' => $toThere, 'tag_id' => $tagThere]);
    self::$a->request('CRM_Core_DAO::executeQuery("UPDATE civicrm_entity_tag SET entity_id = $to WHERE tag_id = $tag");', ['to' => $to, 'tag' => $tag]);
    Network::settle([self::$a, self::$b]);
    self::assertSame([(string) $to, (string) $toThere], [$who(self::$a, $tag), $who(self::$b, $tagThere)]);

    self::$b->api3('EntityTag', 'delete', ['entity_table' => 'civicrm_contact', 'entity_id' => $toThere, 'tag_id' => $tagThere]);
    Network::settle([self::$a, self::$b]);
    self::assertSame(['', ''], [$who(self::$a, $tag), $who(self::$b, $tagThere)]);
    foreach ([self::$a, self::$b] as $site) {
      self::assertSame([], $site->ask('return \Civi\Share\Native::store()->deadLetters([]);'), $site->name);
    }
  }

  public function test_a_tag_and_a_group_that_a_merge_doubles_are_one(): void {
    array_map([self::class, 'discardLetters'], [self::$a, self::$b]);
    [$keep, $keepThere] = self::sharedPerson();
    [$gone] = self::sharedPerson();
    $tag = (int) self::$a->api4('Tag', 'create', ['values' => ['name' => self::name('Doubled'), 'used_for' => ['civicrm_contact']]])[0]['id'];
    $group = (int) self::$a->api4('Group', 'create', ['values' => ['title' => self::name('Doubled')]])[0]['id'];
    self::$a->api3('EntityTag', 'create', ['entity_table' => 'civicrm_contact', 'entity_id' => $gone, 'tag_id' => $tag]);
    self::$a->api3('GroupContact', 'create', ['contact_id' => $gone, 'group_id' => $group]);
    Network::settle([self::$a, self::$b]);
    $count = function (Site $site, int $contact, int $tag, int $group): string {
      return (string) $site->value("SELECT CONCAT((SELECT COUNT(*) FROM civicrm_entity_tag WHERE entity_table = 'civicrm_contact' AND entity_id = $contact AND tag_id = $tag), ' ',
        (SELECT GROUP_CONCAT(status) FROM civicrm_group_contact WHERE contact_id = $contact AND group_id = $group))");
    };

    [$tagThere, $groupThere] = [self::there('Tag', $tag), self::there('Group', $group)];
    self::$b->api3('EntityTag', 'create', ['entity_table' => 'civicrm_contact', 'entity_id' => $keepThere, 'tag_id' => $tagThere]);
    self::$b->api3('GroupContact', 'create', ['contact_id' => $keepThere, 'group_id' => $groupThere]);
    self::$a->api3('Contact', 'merge', ['to_keep_id' => $keep, 'to_remove_id' => $gone, 'mode' => 'aggressive']);
    Network::settle([self::$a, self::$b]);
    self::assertSame('1 Added', $count(self::$a, $keep, $tag, $group));
    self::assertSame('1 Added', $count(self::$b, $keepThere, $tagThere, $groupThere));
    foreach ([self::$a, self::$b] as $site) {
      self::assertSame([], $site->ask('return \Civi\Share\Native::store()->deadLetters([]);'), $site->name);
    }

    self::$a->api3('EntityTag', 'delete', ['entity_table' => 'civicrm_contact', 'entity_id' => $keep, 'tag_id' => $tag]);
    self::$b->api3('GroupContact', 'create', ['contact_id' => $keepThere, 'group_id' => $groupThere, 'status' => 'Removed']);
    Network::settle([self::$a, self::$b]);
    self::assertSame('0 Removed', $count(self::$a, $keep, $tag, $group));
    self::assertSame('0 Removed', $count(self::$b, $keepThere, $tagThere, $groupThere));
  }

  public function test_notes_arrive(): void {
    [$contact, $contactThere] = self::sharedPerson();
    $id = (int) self::$a->api4('Note', 'create', ['values' => ['entity_table' => 'civicrm_contact', 'entity_id' => $contact, 'subject' => 'Phone call', 'note' => "a <b>\nnext line"]])[0]['id'];
    self::deliver(self::$a, self::$b);
    $there = self::there('Note', $id);
    $stored = self::row(self::$a, 'civicrm_note', $id)['note'];
    self::assertRow(['entity_id' => $contactThere, 'subject' => 'Phone call', 'note' => $stored], self::$b, 'civicrm_note', $there);

    self::$a->api3('Note', 'create', ['id' => $id, 'note' => 'changed', 'entity_id' => $contact, 'entity_table' => 'civicrm_contact']);
    self::deliver(self::$a, self::$b);
    self::assertRow(['note' => 'changed'], self::$b, 'civicrm_note', $there);
    self::$a->api3('Note', 'delete', ['id' => $id]);
    self::deliver(self::$a, self::$b);
    self::assertNull(self::row(self::$b, 'civicrm_note', $there));
  }

  public function test_activities_arrive_with_their_contacts(): void {
    $people = $there = [];
    for ($i = 0; $i < 4; $i++) {
      [$people[], $there[]] = self::sharedPerson();
    }
    foreach (['api4', 'api3'] as $api) {
      $values = [
        'activity_type_id' => 1, 'subject' => "Meeting $api", 'activity_date_time' => '2021-03-04 10:30:00', 'duration' => 45, 'details' => '<p>Notes</p>',
        'source_contact_id' => $people[0], 'target_contact_id' => [$people[1], $people[2]], 'assignee_contact_id' => [$people[3]],
      ];
      $id = $api === 'api4' ? (int) self::$a->api4('Activity', 'create', ['values' => $values])[0]['id'] : (int) self::$a->api3('Activity', 'create', $values)['id'];
      $said = self::deliver(self::$a, self::$b);

      $activity = self::there('Activity', $id);
      $stored = self::row(self::$a, 'civicrm_activity', $id);
      self::assertRow(array_intersect_key($stored, array_flip(['subject', 'activity_date_time', 'duration', 'details', 'activity_type_id', 'status_id'])), self::$b, 'civicrm_activity', $activity, $said);
      self::assertSame(self::contacts(2, $there[0]) . self::contacts(3, $there[1], $there[2]) . self::contacts(1, $there[3]), self::contactsOf(self::$b, $activity), $api);

      $api === 'api4' ? self::$a->api4('Activity', 'update', ['where' => [['id', '=', $id]], 'values' => ['subject' => 'Moved', 'target_contact_id' => [$people[2]]]])
        : self::$a->api3('Activity', 'create', ['id' => $id, 'subject' => 'Moved', 'target_contact_id' => [$people[2]]]);
      self::deliver(self::$a, self::$b);
      self::assertRow(['subject' => 'Moved'], self::$b, 'civicrm_activity', $activity);
      self::assertSame(self::contacts(2, $there[0]) . self::contacts(3, $there[2]) . self::contacts(1, $there[3]), self::contactsOf(self::$b, $activity), "$api, changed");

      self::$a->api3('Activity', 'delete', ['id' => $id]);
      self::deliver(self::$a, self::$b);
      self::assertNull(self::row(self::$b, 'civicrm_activity', $activity));
    }
  }

  private static function contacts(int $role, int ...$ids): string {
    return "$role:" . implode(',', $ids) . ' ';
  }

  private static function contactsOf(Site $site, ?int $activity): string {
    $text = '';
    foreach ([2, 3, 1] as $role) {
      $text .= "$role:" . $site->value("SELECT GROUP_CONCAT(contact_id ORDER BY contact_id) FROM civicrm_activity_contact WHERE activity_id = " . (int) $activity . " AND record_type_id = $role") . ' ';
    }
    return $text;
  }

  public function test_what_belongs_to_a_deleted_contact_goes_with_it(): void {
    [$contact, $contactThere] = self::sharedPerson();
    self::$a->api4('Email', 'create', ['values' => ['contact_id' => $contact, 'email' => 'gone@example.org']]);
    self::$a->api4('Phone', 'create', ['values' => ['contact_id' => $contact, 'phone' => '1']]);
    self::deliver(self::$a, self::$b);
    self::$a->api3('Contact', 'delete', ['id' => $contact, 'skip_undelete' => 1]);
    $said = self::both();
    self::assertNull(self::$b->contact($contactThere), $said);
    self::assertSame('0', self::$b->value("SELECT COUNT(*) FROM civicrm_email WHERE email = 'gone@example.org'"));
    self::assertStringNotContainsString('can not be applied', $said);
    foreach ([self::$a, self::$b] as $site) {
      self::assertSame('0', $site->value("SELECT COUNT(*) FROM civicrm_share_entity e LEFT JOIN civicrm_email m ON m.id = e.entity_id WHERE e.entity_type = 'Email' AND e.entity_id IS NOT NULL AND m.id IS NULL"), $site->name);
    }
  }

  public function test_contacts_merged_on_one_site_keep_what_belonged_to_them(): void {
    [$keep, $keepThere] = self::sharedPerson();
    [$drop, $dropThere] = self::sharedPerson();
    $email = (int) self::$a->api4('Email', 'create', ['values' => ['contact_id' => $drop, 'email' => 'dup@example.org', 'location_type_id' => 2]])[0]['id'];
    self::deliver(self::$a, self::$b);
    $emailThere = self::there('Email', $email);
    self::$a->api3('Contact', 'merge', ['to_keep_id' => $keep, 'to_remove_id' => $drop, 'mode' => 'aggressive']);
    self::both();
    self::both();
    self::assertContact(['is_deleted' => TRUE], self::$b, $dropThere);
    $here = self::$a->sql("SELECT email FROM civicrm_email WHERE contact_id = $keep");
    self::assertEquals(array_column($here, 'email'), array_column(self::$b->sql("SELECT email FROM civicrm_email WHERE contact_id = $keepThere"), 'email'));
  }

  public function test_a_type_of_another_extension_is_shared_without_the_attribute_that_this_version_lacks(): void {
    $id = (int) self::$a->api4('MessageTemplate', 'create', ['values' => ['msg_title' => self::name('Template'), 'msg_subject' => 'Hello', 'msg_text' => 'Dear all', 'is_active' => TRUE]])[0]['id'];
    $said = self::deliver(self::$a, self::$b);
    $there = self::there('MessageTemplate', $id);
    self::assertRow(['msg_subject' => 'Hello', 'msg_text' => 'Dear all', 'is_active' => 1], self::$b, 'civicrm_msg_template', $there, $said);

    self::$a->api4('MessageTemplate', 'update', ['where' => [['id', '=', $id]], 'values' => ['msg_subject' => 'Good morning']]);
    self::deliver(self::$a, self::$b);
    self::assertRow(['msg_subject' => 'Good morning'], self::$b, 'civicrm_msg_template', $there);
    self::assertStringContainsString('org.example.change.message_template.base: msg_hologram', json_encode(self::$a->systemStatus()));

    self::$a->api4('MessageTemplate', 'delete', ['where' => [['id', '=', $id]]]);
    self::deliver(self::$a, self::$b);
    self::assertNull(self::row(self::$b, 'civicrm_msg_template', $there));
  }

  public function test_a_type_whose_component_is_switched_off_is_reported_and_harms_nothing(): void {
    $status = self::$a->systemStatus();
    self::assertStringContainsString('org.example.change.ghost.base', $status['civishare_types_lacking']['message'] ?? '');
    self::assertStringNotContainsString('contact', $status['civishare_types_lacking']['message']);
    self::assertArrayNotHasKey('civishare_triggers', $status);
    self::assertNotContains('org.example.change.ghost.base', self::$a->ask('return \Civi\Share\Admin\TypeChoices::names();'));
    self::sharedPerson();
  }

  public function test_a_type_that_nobody_shares_has_no_triggers(): void {
    $triggers = 'SELECT GROUP_CONCAT(DISTINCT EVENT_OBJECT_TABLE) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()
      AND EVENT_OBJECT_TABLE IN ("civicrm_email", "civicrm_website") AND ACTION_STATEMENT LIKE "%civicrm_share_journal%"';
    self::assertSame('civicrm_email,civicrm_website', self::$a->value($triggers));

    self::letThrough(self::$a, [Site::CONTACT_BASE, 'civishare.change.contact.website']);
    self::assertSame('civicrm_website', self::$a->value($triggers));

    self::letThrough(self::$a, self::declared(self::$a));
    self::assertSame('civicrm_email,civicrm_website', self::$a->value($triggers));
  }

  public function test_what_fits_a_dedupe_rule_is_linked_and_two_that_fit_are_left_to_a_person(): void {
    $rule = self::$b->request('
      $group = civicrm_api3("RuleGroup", "create", ["contact_type" => "Individual", "threshold" => 20, "used" => "General", "name" => $name, "title" => $name]);
      foreach (["first_name", "last_name"] as $field) {
        civicrm_api3("Rule", "create", ["dedupe_rule_group_id" => $group["id"], "rule_table" => "civicrm_contact", "rule_field" => $field, "rule_weight" => 10]);
      }
      return $name;', ['name' => str_replace(' ', '_', self::name('Rule'))]);
    self::$b->api4('ShareNodePeering', 'update', ['where' => [['id', '>', 0]], 'values' => ['options' => ['match' => ['dedupe' => $rule]]]]);
    [$one, $two] = [self::name('One'), self::name('Two')];
    $known = self::$b->create(['first_name' => 'Ida', 'last_name' => $one, 'is_opt_out' => TRUE]);
    self::$b->create(['first_name' => 'Ida', 'last_name' => $two]);
    self::$b->create(['first_name' => 'Ida', 'last_name' => $two]);
    // They are not to be known to the first site before it tells of its own.
    $id = self::$a->create(['first_name' => 'Ida', 'last_name' => $one, 'job_title' => 'Baker']);
    $ambiguous = self::$a->create(['first_name' => 'Ida', 'last_name' => $two]);
    $said = self::deliver(self::$a, self::$b);

    self::assertSame($known, self::$b->counterpart(self::$a, $id), $said);
    self::assertContact(['job_title' => 'Baker', 'is_opt_out' => TRUE], self::$b, $known);
    self::assertNull(self::$b->counterpart(self::$a, $ambiguous));
    self::assertSame('2', self::$b->value("SELECT COUNT(*) FROM civicrm_contact WHERE last_name = '$two'"));
    $dead = self::$b->ask('return \Civi\Share\Native::store()->deadLetters([]);');
    self::assertStringContainsString('ambiguous', implode(array_column($dead, 'reason')));

    self::$b->api4('ShareNodePeering', 'update', ['where' => [['id', '>', 0]], 'values' => ['options' => []]]);
    self::$b->request('foreach (\Civi\Share\Native::store()->deadLetters([]) as $letter) {
      \Civi\Share\Native::store()->discardDead((int) $letter["id"]);
    }');
  }

  public function test_all_falls_silent(): void {
    self::assertLessThan(8, Network::settle([self::$a, self::$b]));
    foreach ([self::$a, self::$b] as $site) {
      self::assertSame([], $site->ask('return \Civi\Share\Native::store()->deadLetters([]);'), $site->name);
    }
  }

}

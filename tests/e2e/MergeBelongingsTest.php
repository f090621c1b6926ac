<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * What becomes of that which two merged contacts have, where the sites did not know of each other's edits: both end with the same.
 */
final class MergeBelongingsTest extends AllTypesTest {

  /**
   * Location types of CiviCRM's own.
   */
  private const HOME = 1;
  private const WORK = 2;

  public function test_an_address_that_the_merging_site_did_not_know_of_goes_to_the_survivor_on_both(): void {
    [$keep, $gone] = $this->shared('Keep', 'Gone');
    $this->give('Address', $keep, ['street_address' => 'Of the survivor']);
    Network::settle([self::$a, self::$b]);

    $this->give('Address', $gone, ['street_address' => 'Of the absorbed one']);
    $this->merge($keep[1], $gone[1], self::$b);
    Network::settle([self::$a, self::$b]);

    $this->assertHeld('Address', $keep, ['Of the absorbed one', 'Of the survivor'], 'Of the survivor');
  }

  public function test_each_site_merges_another_contact_into_the_same_survivor_and_nothing_is_lost(): void {
    [$keep, $one, $other] = $this->shared('Keep', 'One', 'Other');
    $this->give('Address', $one, ['street_address' => 'Of the one']);
    $this->give('Address', $other, ['street_address' => 'Of the other']);
    Network::settle([self::$a, self::$b]);

    $this->merge($keep[0], $one[0], self::$a);
    usleep(5000);
    $this->merge($keep[1], $other[1], self::$b);
    Network::settle([self::$a, self::$b]);

    $this->assertHeld('Address', $keep, ['Of the one', 'Of the other'], 'Of the other');
  }

  public function test_what_stays_behind_on_the_merging_site_does_so_on_both(): void {
    [$keep, $gone] = $this->shared('Keep', 'Gone');
    $this->give('Email', $keep, ['email' => 'kept@example.org']);
    $this->give('Email', $gone, ['email' => 'left@example.org']);
    $this->give('Email', $gone, ['email' => 'moved@example.org', 'location_type_id' => self::WORK]);
    Network::settle([self::$a, self::$b]);

    $this->merge($keep[0], $gone[0], self::$a);
    Network::settle([self::$a, self::$b]);

    $this->assertHeld('Email', $keep, ['kept@example.org', 'moved@example.org'], 'kept@example.org');
  }

  public function test_what_stays_behind_is_one_with_what_the_survivor_has_and_an_edit_over_there_ends_there(): void {
    [$keep, $gone] = $this->shared('Keep', 'Gone');
    $this->give('Email', $keep, ['email' => 'same@example.org']);
    $left = $this->give('Email', $gone, ['email' => 'same@example.org']);
    Network::settle([self::$a, self::$b]);

    $there = self::there('Email', $left);
    $this->merge($keep[0], $gone[0], self::$a);
    usleep(5000);
    self::$b->api4('Email', 'update', ['where' => [['id', '=', $there]], 'values' => ['email' => 'edited@example.org']]);
    Network::settle([self::$a, self::$b]);

    $this->assertHeld('Email', $keep, ['edited@example.org'], 'edited@example.org');
  }

  public function test_opposite_merges_leave_one_of_what_both_had(): void {
    [$one, $other] = $this->shared('One', 'Other');
    $this->give('Email', $one, ['email' => 'same@example.org']);
    $this->give('Email', $other, ['email' => 'same@example.org']);
    Network::settle([self::$a, self::$b]);

    $this->merge($one[0], $other[0], self::$a);
    $this->merge($other[1], $one[1], self::$b);
    Network::settle([self::$a, self::$b]);

    $this->assertHeld('Email', [$one[0], $other[1]], ['same@example.org'], 'same@example.org');
  }

  public function test_what_was_the_absorbed_ones_primary_one_is_not_the_survivors_on_any_site(): void {
    [$keep, $gone] = $this->shared('Keep', 'Gone');
    $this->give('Phone', $keep, ['phone' => '1', 'location_type_id' => self::WORK]);
    $this->give('Phone', $keep, ['phone' => '2', 'is_primary' => FALSE]);
    $this->give('Phone', $gone, ['phone' => '3']);
    Network::settle([self::$a, self::$b]);

    $this->merge($keep[0], $gone[0], self::$a);
    Network::settle([self::$a, self::$b]);

    $this->assertHeld('Phone', $keep, ['1', '2'], '1');
  }

  public function test_who_worked_for_an_absorbed_organization_works_for_the_survivor_on_both_sites(): void {
    $ids = $this->shared('Keep', 'Gone', 'Employee');
    [$keep, $gone, $employee] = $ids;
    self::$a->api3('Contact', 'create', ['id' => $employee[0], 'employer_id' => $gone[0]]);
    Network::settle([self::$a, self::$b]);

    $this->merge($keep[1], $gone[1], self::$b);
    Network::settle([self::$a, self::$b]);

    foreach ([self::$a, self::$b] as $number => $site) {
      self::assertContact(['employer_id' => $keep[$number]], $site, $employee[$number]);
      self::assertEquals([['contact_id_b' => $keep[$number], 'is_active' => TRUE]], $this->employments($site, $employee[$number]), "on {$site->name}");
    }
  }

  public function test_a_relationship_that_ends_over_there_takes_no_employer_away_that_was_told_later(): void {
    [$first, $next, $employee] = $this->shared('Gone', 'Keep', 'Employee');
    self::$a->api3('Contact', 'create', ['id' => $employee[0], 'employer_id' => $first[0]]);
    Network::settle([self::$a, self::$b]);

    $relationship = self::$a->value("SELECT id FROM civicrm_relationship WHERE contact_id_a = {$employee[0]}");
    self::$a->api4('Relationship', 'update', ['where' => [['id', '=', $relationship]], 'values' => ['is_active' => FALSE]]);
    self::$a->send();
    self::$a->api3('Contact', 'create', ['id' => $employee[0], 'employer_id' => $next[0]]);
    // The first message is applied alone.
    self::$b->process();
    Network::settle([self::$a, self::$b]);

    foreach ([self::$a, self::$b] as $number => $site) {
      self::assertContact(['employer_id' => $next[$number]], $site, $employee[$number], "on {$site->name}");
      self::assertEqualsCanonicalizing(
        [['contact_id_b' => $first[$number], 'is_active' => FALSE], ['contact_id_b' => $next[$number], 'is_active' => TRUE]],
        $this->employments($site, $employee[$number]), "on {$site->name}");
    }
  }

  public function test_a_relationship_of_two_who_are_merged_meanwhile_is_nobody_s_with_himself(): void {
    [$keep, $gone] = $this->shared('Keep', 'Gone');
    $type = (int) self::$b->value("SELECT id FROM civicrm_relationship_type WHERE name_a_b = 'Sibling of'");

    $id = self::$b->api4('Relationship', 'create', ['values' => ['contact_id_a' => $keep[1], 'contact_id_b' => $gone[1], 'relationship_type_id' => $type]])[0]['id'];
    $this->merge($keep[0], $gone[0], self::$a);
    Network::settle([self::$a, self::$b]);

    foreach ([[self::$a, $keep[0]], [self::$b, $keep[1]]] as [$site, $contact]) {
      self::assertSame('0', $site->value("SELECT COUNT(*) FROM civicrm_relationship WHERE $contact IN (contact_id_a, contact_id_b)"), "on {$site->name}");
      self::assertSame([0, 0], [$site->store()['dead'], $site->store()['inbox']]);
    }
    self::assertSame('0', self::$b->value("SELECT COUNT(*) FROM civicrm_share_entity WHERE entity_type = 'Relationship' AND entity_id = $id"));
  }

  public function test_opposite_merges_leave_the_groups_tags_and_relationships_that_both_had(): void {
    [$one, $other, $third] = $this->shared('One', 'Other', 'Third');
    $name = self::name('Both');
    self::$a->request('
      $group = civicrm_api4("Group", "create", ["checkPermissions" => FALSE, "values" => ["title" => $name]])->first()["id"];
      $tag = civicrm_api4("Tag", "create", ["checkPermissions" => FALSE, "values" => ["name" => $name]])->first()["id"];
      CRM_Contact_BAO_GroupContact::addContactsToGroup($ids, $group, "API", "Added");
      CRM_Core_BAO_EntityTag::addEntitiesToTag($ids, $tag, "civicrm_contact", FALSE);
      foreach ($ids as $id) {
        civicrm_api3("Relationship", "create", ["contact_id_a" => $id, "contact_id_b" => $third, "relationship_type_id" => 4]);
      }', ['ids' => [$one[0], $other[0]], 'third' => $third[0], 'name' => $name]);
    Network::settle([self::$a, self::$b]);

    $this->merge($one[0], $other[0], self::$a);
    $this->merge($other[1], $one[1], self::$b);
    Network::settle([self::$a, self::$b]);

    foreach ([[self::$a, $one[0], $third[0]], [self::$b, $other[1], $third[1]]] as [$site, $survivor, $sibling]) {
      self::assertSame(['Added'], array_column($site->get('GroupContact', [['contact_id', '=', $survivor]], ['status']), 'status'), "groups on {$site->name}");
      self::assertCount(1, $site->get('EntityTag', [['entity_table', '=', 'civicrm_contact'], ['entity_id', '=', $survivor]], ['id']), "tags on {$site->name}");
      self::assertSame([$sibling], array_column($site->get('Relationship', [['contact_id_a', '=', $survivor]], ['contact_id_b']), 'contact_id_b'), "relationships on {$site->name}");
    }
  }

  // ---- the parts ----

  /**
   * Contacts whom both sites know; those named Keep and Gone are organizations where an employee is among them.
   *
   * @return int[][]
   *   IDs here and there of each.
   */
  private function shared(string ...$names): array {
    $last = self::name('Merge');
    $here = [];
    foreach ($names as $name) {
      $here[] = in_array('Employee', $names, TRUE) && $name !== 'Employee'
        ? self::$a->create(['contact_type' => 'Organization', 'organization_name' => "$name $last"])
        : self::$a->create(['first_name' => $name, 'last_name' => $last]);
    }
    self::deliver(self::$a, self::$b);
    return array_map(fn(int $id) => [$id, (int) self::$b->counterpart(self::$a, $id)], $here);
  }

  /**
   * @param int[] $contact
   *   IDs here and there.
   *
   * @return int
   *   ID here.
   */
  private function give(string $entity, array $contact, array $values): int {
    return (int) self::$a->api4($entity, 'create', ['values' => $values + ['contact_id' => $contact[0], 'location_type_id' => self::HOME]])[0]['id'];
  }

  private function merge(int $keep, int $gone, Site $site): void {
    $result = $site->api3('Contact', 'merge', ['to_keep_id' => $keep, 'to_remove_id' => $gone, 'mode' => 'aggressive']);
    self::assertCount(1, $result['values']['merged'], "on {$site->name}");
  }

  /**
   * Both sites hold these of the contact, and one of them is the primary one; an edit of that one arrives.
   *
   * @param int[] $contact
   *   IDs here and there.
   */
  private function assertHeld(string $entity, array $contact, array $values, string $primary): void {
    $column = ['Address' => 'street_address', 'Email' => 'email', 'Phone' => 'phone'][$entity];
    foreach ([self::$a, self::$b] as $number => $site) {
      $held = $site->get($entity, [['contact_id', '=', $contact[$number]]], ['id', $column, 'is_primary']);
      self::assertEqualsCanonicalizing($values, array_column($held, $column), "on {$site->name}");
      self::assertSame([$primary], array_column(array_filter($held, fn(array $row) => $row['is_primary']), $column), "primary on {$site->name}");
      $ids[$number] = array_column($held, 'id', $column)[$primary];
    }
    self::assertSame($ids[1], self::there($entity, $ids[0]));
    self::$b->api4($entity, 'update', ['where' => [['id', '=', $ids[1]]], 'values' => [$column => '99']]);
    Network::settle([self::$a, self::$b]);
    self::assertSame('99', self::$a->get($entity, [['id', '=', $ids[0]]], [$column])[0][$column]);
    self::assertSame([0, 0], [self::$a->store()['dead'], self::$b->store()['dead']]);
  }

  /**
   * @return array[]
   */
  private function employments(Site $site, int $employee): array {
    return array_map(fn(array $row) => array_intersect_key($row, ['contact_id_b' => 0, 'is_active' => 0]),
      $site->get('Relationship', [['contact_id_a', '=', $employee]], ['contact_id_b', 'is_active']));
  }

}

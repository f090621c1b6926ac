<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * Many contacts with everything that belongs to them arrive complete; both sites are read through API version 4.
 *
 * CIVISHARE_MANY says how many: 1,000 in a soak.
 */
final class ManyTest extends AllTypesTest {

  private static string $mark;

  public static function setUpBeforeClass(): void {
    parent::setUpBeforeClass();
    self::$mark = str_replace(' ', '', self::name('Many'));
  }

  public function test_many_contacts_arrive_complete_and_a_second_run_changes_nothing(): void {
    $many = (int) (getenv('CIVISHARE_MANY') ?: 20);
    for ($done = 0; $done < $many; $done += 50) {
      self::make(self::$a, $done, min(50, $many - $done));
    }

    Network::settle([self::$a, self::$b], 40);

    $here = self::everything(self::$a);
    $there = self::everything(self::$b);
    self::assertCount($many, $here);
    foreach ($here as $name => $contact) {
      self::assertSame($contact, $there[$name] ?? NULL, $name);
    }
    self::assertCount($many, $there);
    foreach ([self::$a, self::$b] as $site) {
      self::assertSame([], $site->ask('return \Civi\Share\Native::store()->deadLetters([]);'), $site->name);
      self::assertSame(0, $site->store()['inbox_waiting'], $site->name);
    }

    $written = array_map([self::class, 'changes'], [self::$a, self::$b]);
    Network::settle([self::$a, self::$b]);
    self::assertSame($written, array_map([self::class, 'changes'], [self::$a, self::$b]), 'the second run told of something');
    self::assertSame([$here, $there], [self::everything(self::$a), self::everything(self::$b)], 'the second run changed something');
  }

  /**
   * New contacts of a batch are made together; if that fails, nothing of it stays, and each is made by itself.
   */
  public function test_when_one_of_many_new_contacts_fails_the_others_are_made_and_none_twice(): void {
    $name = self::name('Together');
    Network::play(self::$b, ['refuse_once' => 'Mallory']);
    self::$a->request('
      foreach (["Anna", "Mallory", "Zoe"] as $first) {
        civicrm_api4("Contact", "create", ["checkPermissions" => FALSE, "values" => ["contact_type" => "Individual", "first_name" => $first, "last_name" => $name]]);
      }', ['name' => $name]);

    $said = self::deliver(self::$a, self::$b);
    Network::play(self::$b, []);

    $arrived = self::$b->get('Contact', [['last_name', '=', $name]], ['id', 'first_name', 'display_name', 'email_greeting_display']);
    self::assertEqualsCanonicalizing(['Anna', 'Mallory', 'Zoe'], array_column($arrived, 'first_name'), $said);
    foreach ($arrived as $contact) {
      self::assertSame("{$contact['first_name']} $name", $contact['display_name']);
      self::assertSame("Dear {$contact['first_name']}", $contact['email_greeting_display']);
    }
  }

  /**
   * Updates of a batch are made together as well.
   */
  public function test_when_one_of_many_updates_fails_the_others_are_made_and_every_save_is_seen_by_hooks(): void {
    $name = self::name('Changed');
    $ids = self::$a->request('
      foreach (["Anna", "Mallory", "Zoe"] as $first) {
        $ids[] = civicrm_api4("Contact", "create", ["checkPermissions" => FALSE, "values" => ["contact_type" => "Individual", "first_name" => $first, "last_name" => $name]])->first()["id"];
      }
      return $ids;', ['name' => $name]);
    self::deliver(self::$a, self::$b);
    $there = array_map(fn(int $id) => self::$b->counterpart(self::$a, $id), $ids);

    foreach (['', 'Mallory II'] as $refused) {
      $number = $refused === '' ? ' I' : ' II';
      self::$a->request('
        foreach ($ids as $index => $id) {
          civicrm_api4("Contact", "update", ["checkPermissions" => FALSE, "where" => [["id", "=", $id]], "values" => ["first_name" => ["Anna", "Mallory", "Zoe"][$index] . $number, "job_title" => NULL]]);
        }', ['ids' => $ids, 'number' => $number]);
      Network::saved(self::$b);
      Network::play(self::$b, ['log' => TRUE, 'refuse_once' => $refused]);
      $said = self::deliver(self::$a, self::$b);
      Network::play(self::$b, []);

      $arrived = self::$b->get('Contact', [['last_name', '=', $name]], ['id', 'first_name', 'display_name', 'sort_name', 'email_greeting_display', 'addressee_display']);
      self::assertEqualsCanonicalizing(["Anna$number", "Mallory$number", "Zoe$number"], array_column($arrived, 'first_name'), $said);
      foreach ($arrived as $contact) {
        self::assertSame("{$contact['first_name']} $name", $contact['display_name']);
        self::assertSame("$name, {$contact['first_name']}", $contact['sort_name']);
        self::assertSame("Dear {$contact['first_name']}", $contact['email_greeting_display']);
        self::assertSame("{$contact['first_name']} $name", $contact['addressee_display']);
      }
      $saved = Network::saved(self::$b);
      $edits = array_map(fn(int $id) => "edit $id", $there);
      $refused === '' ? self::assertEqualsCanonicalizing($edits, $saved) : self::assertEqualsCanonicalizing($edits, array_values(array_unique($saved)));
    }
  }

  /**
   * What is applied together must come out as if one had come after the other: a creation, then several updates of it, the one of them
   * with a reference to somebody who comes later, another after an edit here that has not been recorded yet.
   */
  public function test_several_changes_of_one_contact_in_one_batch_come_out_in_their_order(): void {
    $name = self::name('Order');
    $ids = self::$a->request('
      $update = function ($id, $values) {
        civicrm_api4("Contact", "update", ["checkPermissions" => FALSE, "where" => [["id", "=", $id]], "values" => $values]);
        \Civi\Share\Detect\Detector::flush();
      };
      foreach (["Anna", "Berta", "Cora"] as $first) {
        $ids[] = civicrm_api4("Contact", "create", ["checkPermissions" => FALSE, "values" => ["contact_type" => "Individual", "first_name" => $first, "last_name" => $name]])->first()["id"];
        \Civi\Share\Detect\Detector::flush();
      }
      for ($round = 1; $round <= 3; $round++) {
        foreach ($ids as $number => $id) {
          $update($id, ["job_title" => "Round $round", "nick_name" => $round === $number + 1 ? "Nick $round" : "none"]);
        }
      }
      $employer = civicrm_api4("Contact", "create", ["checkPermissions" => FALSE, "values" => ["contact_type" => "Organization", "organization_name" => "$name Ltd"]])->first()["id"];
      \Civi\Share\Detect\Detector::flush();
      foreach ($ids as $id) {
        $update($id, ["employer_id" => $employer]);
      }
      return $ids;', ['name' => $name]);

    $said = self::deliver(self::$a, self::$b);

    $read = fn(Site $site) => array_column($site->get('Contact', [['last_name', '=', $name]], ['first_name', 'job_title', 'nick_name', 'organization_name', 'employer_id']), NULL, 'first_name');
    $there = $read(self::$b);
    self::assertSame(['Anna' => 'none', 'Berta' => 'none', 'Cora' => 'Nick 3'], array_map(fn(array $contact) => $contact['nick_name'], $there), $said);
    foreach ($there as $contact) {
      self::assertSame('Round 3', $contact['job_title'], $said);
      self::assertSame("$name Ltd", $contact['organization_name'], $said);
      self::assertNotNull($contact['employer_id']);
    }

    // Edited here by raw SQL, later than there, and not recorded when the changes from there come.
    self::$a->request('
      foreach ($ids as $id) {
        civicrm_api4("Contact", "update", ["checkPermissions" => FALSE, "where" => [["id", "=", $id]], "values" => ["job_title" => "From there", "nick_name" => "From there"]]);
      }', ['ids' => $ids]);
    self::$a->send();
    usleep(50000);
    self::$b->sql("UPDATE civicrm_contact SET job_title = 'From here' WHERE last_name = '$name' AND first_name = 'Berta'");
    self::$b->process();
    Network::settle([self::$a, self::$b]);

    foreach ([self::$a, self::$b] as $site) {
      $contacts = $read($site);
      self::assertSame(['Anna' => 'From there', 'Berta' => 'From here', 'Cora' => 'From there'], array_map(fn(array $contact) => $contact['job_title'], $contacts), $site->name);
      self::assertSame(['From there'], array_values(array_unique(array_column($contacts, 'nick_name'))), $site->name);
    }
  }

  /**
   * How much a site has told and applied.
   */
  private static function changes(Site $site): string {
    return $site->value('SELECT CONCAT(COUNT(*), " ", MD5(GROUP_CONCAT(MD5(state) ORDER BY id))) FROM civicrm_share_entity') . ' ' .
      $site->value('SELECT COUNT(*) FROM civicrm_share_applied');
  }

  private static function make(Site $site, int $first, int $count): void {
    $site->request('
      $create = function ($entity, $values) {
        return (int) civicrm_api4($entity, "create", ["checkPermissions" => FALSE, "values" => $values])->first()["id"];
      };
      $one = function ($entity, $values) use ($create) {
        $found = civicrm_api4($entity, "get", ["checkPermissions" => FALSE, "where" => [[key($values), "=", reset($values)]]])->first();
        return $found === NULL ? $create($entity, $values) : (int) $found["id"];
      };
      $groups = [$one("Group", ["title" => "$mark one"]), $one("Group", ["title" => "$mark two"])];
      $tag = $one("Tag", ["name" => "$mark tag"]);
      $sibling = CRM_Core_DAO::singleValueQuery("SELECT id FROM civicrm_relationship_type WHERE name_a_b = \'Sibling of\'");
      $last = NULL;
      for ($i = $first; $i < $first + $count; $i++) {
        $name = sprintf("%s %04d", $mark, $i);
        $id = $create("Contact", ["contact_type" => "Individual", "first_name" => "Jürgen <$i>", "last_name" => $name, "birth_date" => "1970-01-" . sprintf("%02d", $i % 28 + 1), "gender_id" => $i % 3 + 1, "do_not_email" => $i % 2 === 0, "source" => "many"]);
        $create("Email", ["contact_id" => $id, "email" => "many$i@example.org", "location_type_id" => $i % 2 + 1]);
        $create("Phone", ["contact_id" => $id, "phone" => "030 $i", "phone_type_id" => 1, "location_type_id" => 1]);
        $create("Address", ["contact_id" => $id, "street_address" => "Weg $i", "city" => "Köln", "postal_code" => "50667", "country_id" => 1082, "location_type_id" => 1]);
        foreach ($groups as $group) {
          $create("GroupContact", ["group_id" => $group, "contact_id" => $id]);
        }
        $create("EntityTag", ["entity_table" => "civicrm_contact", "entity_id" => $id, "tag_id" => $tag]);
        $other = $last ?? $create("Contact", ["contact_type" => "Individual", "first_name" => "Sibling", "last_name" => "of $mark"]);
        $create("Relationship", ["contact_id_a" => $id, "contact_id_b" => $other, "relationship_type_id" => $sibling]);
        $create("Activity", ["activity_type_id" => 1, "subject" => "Met $name", "activity_date_time" => "2022-05-06 07:08:09", "source_contact_id" => $id, "target_contact_id" => [$other]]);
        $last = $id;
      }', ['mark' => self::$mark, 'first' => $first, 'count' => $count]);
  }

  /**
   * What a site knows of these contacts, by their last names, with names in place of numbers.
   *
   * @return array<string, array>
   */
  private static function everything(Site $site): array {
    $site->refresh();
    return $site->ask('
      $get = function ($entity, $where, $select = ["*"]) {
        return civicrm_api4($entity, "get", ["checkPermissions" => FALSE, "select" => $select, "where" => $where, "orderBy" => ["id" => "ASC"]])->getArrayCopy();
      };
      $name = array_column($get("Contact", [["id", ">", 0]], ["id", "display_name"]), "display_name", "id");
      $group = array_column($get("Group", [["id", ">", 0]], ["id", "title"]), "title", "id");
      $tag = array_column($get("Tag", [["id", ">", 0]], ["id", "name"]), "name", "id");
      $plain = function ($row, $besides) {
        $own = ["id", "contact_id", "entity_id", "created_date", "modified_date", "hash", "api_key", "created_id", "modified_id"];
        $row = array_diff_key($row, array_flip(array_merge($own, $besides)));
        ksort($row);
        return $row;
      };
      $all = [];
      $byId = [];
      foreach ($get("Contact", [["last_name", "LIKE", "$mark %"]]) as $contact) {
        $all[$contact["last_name"]] = ["contact" => $plain($contact, [])];
        $byId[$contact["id"]] = $contact["last_name"];
      }
      foreach (["Email", "Phone", "Address"] as $entity) {
        foreach ($get($entity, [["contact_id", "IN", array_keys($byId)]]) as $row) {
          $all[$byId[$row["contact_id"]]][$entity][] = $plain($row, []);
        }
      }
      foreach ($get("GroupContact", [["contact_id", "IN", array_keys($byId)]]) as $row) {
        $all[$byId[$row["contact_id"]]]["groups"][$group[$row["group_id"]]] = $row["status"];
      }
      foreach ($get("EntityTag", [["entity_id", "IN", array_keys($byId)], ["entity_table", "=", "civicrm_contact"]]) as $row) {
        $all[$byId[$row["entity_id"]]]["tags"][] = $tag[$row["tag_id"]];
      }
      foreach ($get("Relationship", [["contact_id_a", "IN", array_keys($byId)]]) as $row) {
        $all[$byId[$row["contact_id_a"]]]["relationships"][] = ["to" => $name[$row["contact_id_b"]]] + $plain($row, ["contact_id_a", "contact_id_b"]);
      }
      foreach ($get("ActivityContact", [["contact_id", "IN", array_keys($byId)]]) as $row) {
        $activity = $get("Activity", [["id", "=", $row["activity_id"]]])[0];
        $all[$byId[$row["contact_id"]]]["activities"][$activity["subject"] . " " . $row["record_type_id"]] = $plain($activity, ["source_record_id"]);
      }
      foreach ($all as &$contact) {
        foreach (["groups", "activities"] as $part) {
          if (isset($contact[$part])) {
            ksort($contact[$part]);
          }
        }
      }
      return $all;', ['mark' => self::$mark]);
  }

}

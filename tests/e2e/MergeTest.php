<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * A merge and what happens to the two contacts around it, in whatever order it is recorded and applied: both sites end with the same.
 */
final class MergeTest extends EndToEndTest {

  public function test_two_contacts_created_and_merged_in_one_request_arrive_as_two_and_are_merged(): void {
    [$last] = $this->inOneRequest([['Keep', 'Gone']]);

    self::deliver(self::$a, self::$b);

    $this->assertMerged($last, ['Keep' => FALSE, 'Gone' => TRUE]);
  }

  public function test_the_same_where_the_survivor_was_created_last(): void {
    [$last] = $this->inOneRequest([['Keep', 'Gone']], ['Gone', 'Keep']);

    self::deliver(self::$a, self::$b);

    $this->assertMerged($last, ['Keep' => FALSE, 'Gone' => TRUE]);
  }

  /**
   * @dataProvider chains
   */
  public function test_a_contact_that_has_absorbed_one_is_absorbed_itself_in_the_same_request(array $order): void {
    [$last, $ids] = $this->inOneRequest([['Middle', 'Gone'], ['Keep', 'Middle']], $order);

    self::deliver(self::$a, self::$b);

    $this->assertMerged($last, ['Keep' => FALSE, 'Middle' => TRUE, 'Gone' => TRUE]);
    self::assertSame('1', self::$a->value("SELECT COUNT(*) FROM civicrm_share_entity WHERE entity_type = 'Contact' AND entity_id IN (" . implode(',', $ids) . ')'));
  }

  public static function chains(): array {
    return [[['Keep', 'Middle', 'Gone']], [['Gone', 'Middle', 'Keep']], [['Middle', 'Keep', 'Gone']]];
  }

  public function test_a_creation_that_a_killed_process_left_behind_goes_before_the_merge(): void {
    $last = self::name('Merge');
    self::$a->lastRequest('
      foreach (["Gone", "Keep"] as $first) {
        civicrm_api3("Contact", "create", ["contact_type" => "Individual", "first_name" => $first, "last_name" => $last]);
      }
      posix_kill(getmypid(), SIGKILL);', ['last' => $last]);
    $ids = array_column(self::$a->get('Contact', [['last_name', '=', $last]], ['id', 'first_name']), 'id', 'first_name');

    self::$a->api3('Contact', 'merge', ['to_keep_id' => $ids['Keep'], 'to_remove_id' => $ids['Gone'], 'mode' => 'aggressive']);
    self::deliver(self::$a, self::$b);

    $this->assertMerged($last, ['Keep' => FALSE, 'Gone' => TRUE]);
  }

  public function test_a_merge_waits_for_the_creation_of_the_absorbed_one_that_fails_at_first(): void {
    self::$b->sql("CREATE TRIGGER civishare_e2e_refuse BEFORE INSERT ON civicrm_contact FOR EACH ROW
      IF NEW.first_name = 'Gone' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refused by the test'; END IF");
    try {
      [$last] = $this->inOneRequest([['Keep', 'Gone']]);
      self::deliver(self::$a, self::$b);
      self::assertSame(['Keep'], array_column(self::$b->get('Contact', [['last_name', '=', $last]], ['first_name']), 'first_name'));
      self::assertSame('0', self::$b->value("SELECT COUNT(*) FROM civicrm_contact WHERE last_name = '$last' AND is_deleted = 1"));
    }
    finally {
      self::$b->sql('DROP TRIGGER civishare_e2e_refuse');
    }

    $this->hurry(self::$b);
    self::$b->process();

    $this->assertMerged($last, ['Keep' => FALSE, 'Gone' => TRUE]);
  }

  public function test_who_was_put_into_the_trash_over_there_meanwhile_is_merged_all_the_same(): void {
    [$last, $keep, $gone] = $this->shared();

    self::$b->update($gone[1], ['is_deleted' => TRUE]);
    $this->merge($keep[0], $gone[0]);
    self::deliver(self::$a, self::$b);

    self::assertSame([0, 0], [self::$b->store()['inbox'], self::$b->store()['dead']]);
    Network::settle([self::$a, self::$b]);
    // The survivor is the same entity, and whoever is in the trash can be taken out of it.
    self::$a->update($keep[0], ['is_deleted' => FALSE]);
    Network::settle([self::$a, self::$b]);
    $this->assertMerged($last, ['Keep' => FALSE, 'Gone' => TRUE]);
  }

  public function test_an_edit_of_the_absorbed_one_over_there_ends_at_the_survivor_on_both_sites(): void {
    [$last, $keep, $gone] = $this->shared();

    $this->merge($keep[0], $gone[0]);
    usleep(5000);
    self::$b->update($gone[1], ['job_title' => 'Edited over there']);
    Network::settle([self::$a, self::$b]);

    self::assertContact(['job_title' => 'Edited over there'], self::$a, $keep[0]);
    self::assertContact(['job_title' => 'Edited over there'], self::$b, $keep[1]);
    $this->assertMerged($last, ['Keep' => FALSE, 'Gone' => TRUE]);
  }

  public function test_what_the_survivor_had_is_told_where_the_absorbed_one_had_something_newer(): void {
    [$last, $keep, $gone] = $this->shared(['nick_name' => 'Of the survivor']);
    self::$a->update($gone[0], ['nick_name' => 'Newer']);
    self::deliver(self::$a, self::$b);

    $this->merge($keep[0], $gone[0]);
    Network::settle([self::$a, self::$b]);

    self::assertContact(['nick_name' => 'Of the survivor'], self::$a, $keep[0]);
    self::assertContact(['nick_name' => 'Of the survivor'], self::$b, $keep[1]);
    $this->assertMerged($last, ['Keep' => FALSE, 'Gone' => TRUE]);
  }

  public function test_an_edit_of_the_absorbed_one_that_a_killed_process_left_behind_makes_no_third_contact(): void {
    [$last, $keep, $gone] = $this->shared();
    $this->merge($keep[0], $gone[0]);
    self::$a->send();
    $process = self::$b->start();
    $process->give('civicrm_api4("Contact", "update", ["checkPermissions" => FALSE, "where" => [["id", "=", $id]], "values" => ["job_title" => "Open"]]);', ['id' => $gone[1]]);
    $process->result();

    // The process lives and has not recorded its edit yet.
    self::$b->process();
    $process->close();
    Network::settle([self::$a, self::$b]);

    self::assertContact(['job_title' => 'Open'], self::$a, $keep[0]);
    $this->assertMerged($last, ['Keep' => FALSE, 'Gone' => TRUE]);
  }

  public function test_a_merge_that_is_not_recorded_yet_when_the_survivor_is_changed_from_there_is_told_whole(): void {
    [$last, $keep, $gone] = $this->shared();
    self::$b->update($keep[1], ['job_title' => 'From there']);
    self::$b->send();
    $process = self::$a->start();
    $process->give('civicrm_api3("Contact", "merge", ["to_keep_id" => $keep, "to_remove_id" => $gone, "mode" => "aggressive"]);', ['keep' => $keep[0], 'gone' => $gone[0]]);
    $process->result();

    self::$a->process();
    $process->close();
    Network::settle([self::$a, self::$b]);

    self::assertContact(['job_title' => 'From there'], self::$a, $keep[0]);
    $this->assertMerged($last, ['Keep' => FALSE, 'Gone' => TRUE]);
  }

  public function test_both_sites_merge_the_same_two_at_the_same_time(): void {
    [$last, $keep, $gone] = $this->shared();

    $this->merge($keep[0], $gone[0]);
    $this->merge($keep[1], $gone[1], self::$b);
    Network::settle([self::$a, self::$b]);

    $this->assertMerged($last, ['Keep' => FALSE, 'Gone' => TRUE]);
  }

  public function test_a_merge_into_a_contact_that_was_deleted_over_there_deletes_both_there_and_the_survivor_here(): void {
    [$last, $keep, $gone] = $this->shared();

    self::$b->api3('Contact', 'delete', ['id' => $keep[1], 'skip_undelete' => 1]);
    $this->merge($keep[0], $gone[0]);
    Network::settle([self::$a, self::$b]);

    self::assertSame([], self::$b->get('Contact', [['last_name', '=', $last], ['is_deleted', 'IN', [TRUE, FALSE]]], ['first_name']));
    self::assertNull(self::$a->contact($keep[0]));
    self::assertContact(['is_deleted' => TRUE], self::$a, $gone[0]);
  }

  public function test_who_was_deleted_over_there_meanwhile_leaves_the_survivor_on_both(): void {
    [$last, $keep, $gone] = $this->shared();

    self::$b->api3('Contact', 'delete', ['id' => $gone[1], 'skip_undelete' => 1]);
    $this->merge($keep[0], $gone[0]);
    self::$b->update($keep[1], ['job_title' => 'From there']);
    Network::settle([self::$a, self::$b]);

    self::assertContact(['job_title' => 'From there', 'is_deleted' => FALSE], self::$a, $keep[0]);
    self::assertContact(['job_title' => 'From there', 'is_deleted' => FALSE], self::$b, $keep[1]);
    self::assertSame(self::uids(self::$a, $keep[0]), self::uids(self::$b, $keep[1]));
    self::assertCount(2, self::uids(self::$a, $keep[0]));
  }

  public function test_a_survivor_that_is_deleted_in_the_same_request_takes_the_absorbed_one_along(): void {
    [$last, $keep, $gone] = $this->shared();

    self::$a->request('
      civicrm_api3("Contact", "merge", ["to_keep_id" => $keep, "to_remove_id" => $gone, "mode" => "aggressive"]);
      civicrm_api3("Contact", "delete", ["id" => $keep, "skip_undelete" => 1]);', ['keep' => $keep[0], 'gone' => $gone[0]]);
    Network::settle([self::$a, self::$b]);

    self::assertSame([], self::$b->get('Contact', [['last_name', '=', $last], ['is_deleted', '=', FALSE]], ['first_name']));
    self::assertSame('0', self::$a->value("SELECT COUNT(*) FROM civicrm_share_entity WHERE entity_type = 'Contact' AND entity_id IN ($keep[0], $gone[0])"));
  }

  public function test_a_merge_whose_rows_do_not_fit_into_one_batch_is_told_whole(): void {
    $last = self::name('Merge');
    // Raw SQL, as quick as it can be: two creations, ten edits, the merge, and the trashing, which is the first row of the next batch.
    self::$a->request('
      $run = function (string $sql) {
        return CRM_Core_DAO::executeQuery($sql);
      };
      $edit = function (int $id, int $times) use ($run) {
        for (; $times > 0; $times--) {
          $run("UPDATE civicrm_contact SET nick_name = \'Edit $times\' WHERE id = $id");
        }
      };
      for ($number = 0; $number <= \Civi\Share\Settle\Settler::ROWS / 14; $number++) {
        foreach (["Keep", "Gone"] as $first) {
          $run("INSERT INTO civicrm_contact (contact_type, first_name, last_name) VALUES (\'Individual\', \'$first $number\', \'$last\')");
          $ids[$first] = (int) CRM_Core_DAO::singleValueQuery("SELECT LAST_INSERT_ID()");
        }
        $edit($ids["Gone"], $number > 0 ? 10 : 10 + (\Civi\Share\Settle\Settler::ROWS + 1) % 14);
        $run("INSERT INTO civicrm_share_journal (table_name, entity_id, operation, `columns`, time_ms, request, connection_id)
          VALUES (\'civicrm_contact\', {$ids["Keep"]}, \'M\', \'{$ids["Gone"]}\', " . (int) (microtime(TRUE) * 1000) . ", @uniqueID, CONNECTION_ID())");
        $run("UPDATE civicrm_contact SET is_deleted = 1 WHERE id = {$ids["Gone"]}");
      }', ['last' => $last]);

    Network::settle([self::$a, self::$b]);

    foreach ([self::$a, self::$b] as $site) {
      $found = $site->sql("SELECT LEFT(first_name, 4) who, is_deleted, COUNT(*) number FROM civicrm_contact WHERE last_name = '$last' GROUP BY 1, 2 ORDER BY 1");
      self::assertSame([['who' => 'Gone', 'is_deleted' => '1', 'number' => '36'], ['who' => 'Keep', 'is_deleted' => '0', 'number' => '36']], $found, "on {$site->name}");
      self::assertSame('36', $site->value("SELECT COUNT(*) FROM civicrm_share_entity e INNER JOIN civicrm_contact c ON c.id = e.entity_id
        WHERE e.entity_type = 'Contact' AND c.last_name = '$last'"));
    }
  }

  // ---- the parts ----

  /**
   * Two people whom both sites know.
   *
   * @return array
   *   [last name, IDs here and there of who is to stay, of who is to go]
   */
  private function shared(array $values = []): array {
    $last = self::name('Merge');
    $ids = [];
    foreach (['Keep', 'Gone'] as $first) {
      $ids[$first][0] = self::$a->create(['first_name' => $first, 'last_name' => $last] + ($first === 'Keep' ? $values : []));
    }
    self::deliver(self::$a, self::$b);
    foreach ($ids as $first => [$id]) {
      $ids[$first][1] = (int) self::$b->counterpart(self::$a, $id);
    }
    return [$last, $ids['Keep'], $ids['Gone']];
  }

  private function merge(int $keep, int $gone, ?Site $site = NULL): void {
    ($site ?? self::$a)->api3('Contact', 'merge', ['to_keep_id' => $keep, 'to_remove_id' => $gone, 'mode' => 'aggressive']);
  }

  private static function uids(Site $site, int $contact): array {
    return array_column($site->sql("SELECT u.uid FROM civicrm_share_uid u INNER JOIN civicrm_share_entity e ON e.id = u.share_entity_id
      WHERE e.entity_type = 'Contact' AND e.entity_id = $contact ORDER BY u.uid"), 'uid');
  }

  /**
   * What waits for its next attempt is due now.
   */
  private function hurry(Site $site): void {
    $store = new \SQLite3($site->store()['path']);
    $store->busyTimeout(5000);
    $store->exec('UPDATE inbox SET due_ms = 0 WHERE leased = 0');
    $store->close();
  }

  /**
   * @param string[][] $merges
   *   Each [who stays, who goes], by first name.
   * @param string[] $order
   *   Of the creations.
   *
   * @return array
   *   [last name of all, first name => ID on the first site]
   */
  private function inOneRequest(array $merges, array $order = []): array {
    $last = self::name('Merge');
    $ids = self::$a->request('
      foreach ($order as $first) {
        $ids[$first] = (int) civicrm_api3("Contact", "create", ["contact_type" => "Individual", "first_name" => $first, "last_name" => $last])["id"];
      }
      foreach ($merges as [$keep, $gone]) {
        civicrm_api3("Contact", "merge", ["to_keep_id" => $ids[$keep], "to_remove_id" => $ids[$gone], "mode" => "aggressive"]);
      }
      return $ids;', ['last' => $last, 'merges' => $merges, 'order' => $order ?: $merges[0]]);
    return [$last, $ids];
  }

  /**
   * Both sites have these contacts of the name, each once, and all their UIDs are the survivor's, who is edited from both sides.
   *
   * @param array<string, bool> $trashed
   *   First name => is it in the trash? The survivor is not.
   */
  private function assertMerged(string $last, array $trashed): void {
    $survivor = array_search(FALSE, $trashed, TRUE);
    $ids = $uids = [];
    foreach ([self::$a, self::$b] as $number => $site) {
      $found = $site->get('Contact', [['last_name', '=', $last], ['is_deleted', 'IN', [TRUE, FALSE]]], ['id', 'first_name', 'is_deleted']);
      $held = array_map('boolval', array_column($found, 'is_deleted', 'first_name'));
      ksort($held);
      ksort($trashed);
      self::assertSame([count($trashed), $trashed], [count($found), $held], "on {$site->name}");
      $ids[$number] = (int) array_column($found, 'id', 'first_name')[$survivor];
      $uids[$number] = self::uids($site, $ids[$number]);
      self::assertCount(count($trashed), $uids[$number], "the survivor's UIDs on {$site->name}");
    }
    self::assertSame($uids[0], $uids[1]);
    self::$a->update($ids[0], ['nick_name' => 'From here']);
    self::deliver(self::$a, self::$b);
    self::assertContact(['nick_name' => 'From here'], self::$b, $ids[1]);
    self::$b->update($ids[1], ['nick_name' => 'From there']);
    self::deliver(self::$b, self::$a);
    self::assertContact(['nick_name' => 'From there'], self::$a, $ids[0]);
    self::assertSame([[0, 0], [0, 0]], array_map(fn(Site $site) => [$site->store()['dead'], $site->store()['inbox']], [self::$a, self::$b]));
  }

}

<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * What is recorded, and what is not: watched by a node made by hand, which counts the changes that reach it.
 */
final class DetectionTest extends EndToEndTest {

  private static Peer $watcher;

  public static function setUpBeforeClass(): void {
    parent::setUpBeforeClass();
    self::$watcher = new Peer('https://watcher.e2e.example.org', self::$a);
    Network::peer(self::$a, self::$watcher->identifier, self::$watcher->url, self::$watcher->secret);
  }

  public static function tearDownAfterClass(): void {
    Network::unpeer(self::$a, self::$watcher->identifier);
    self::$watcher->stop();
  }

  protected function setUp(): void {
    Network::settle([self::$a, self::$b]);
    self::$watcher->clear();
  }

  /**
   * The changes of a contact of site A that reach the watcher now: those of the contact alone.
   *
   * @return array[]
   *   Attribute => new value, a change each; with "operation".
   */
  private static function seen(int $id): array {
    self::$a->send();
    $seen = [];
    foreach (self::$watcher->changes(self::$a->uid($id)) as $change) {
      $seen[] = ['operation' => $change['operation']] + array_column($change['attribute_changes'] ?? [], 'to', 'name');
    }
    return $seen;
  }

  /**
   * A person whom the watcher knows.
   */
  private static function person(array $values = []): int {
    $id = self::$a->create($values + ['first_name' => 'Karl', 'last_name' => self::name()]);
    self::$a->send();
    self::$watcher->clear();
    return $id;
  }

  public function test_several_saves_of_one_contact_in_one_request_become_one_change(): void {
    $id = self::person();

    self::$a->request('
      civicrm_api4("Contact", "update", ["where" => [["id", "=", $id]], "values" => ["first_name" => "Kurt"]]);
      civicrm_api3("Contact", "create", ["id" => $id, "nick_name" => "Kurti"]);
      civicrm_api4("Contact", "update", ["where" => [["id", "=", $id]], "values" => ["first_name" => "Konrad"]]);', ['id' => $id]);

    self::assertSame([['operation' => 'update', 'first_name' => 'Konrad', 'nick_name' => 'Kurti']], self::seen($id));
  }

  public function test_a_contact_that_is_changed_and_changed_back_in_one_request_sends_nothing_new(): void {
    $id = self::person();

    self::$a->request('
      civicrm_api4("Contact", "update", ["where" => [["id", "=", $id]], "values" => ["first_name" => "Kurt"]]);
      civicrm_api4("Contact", "update", ["where" => [["id", "=", $id]], "values" => ["first_name" => "Karl"]]);', ['id' => $id]);

    foreach (self::seen($id) as $change) {
      self::assertSame('Karl', $change['first_name'] ?? 'Karl');
    }
    self::assertContact(['first_name' => 'Karl'], self::$a, $id);
  }

  public function test_a_save_that_changes_no_value_sends_nothing(): void {
    $id = self::person();

    self::$a->update($id, ['first_name' => 'Karl']);

    self::assertSame([], self::seen($id));
  }

  public function test_a_save_of_what_is_not_shared_sends_nothing(): void {
    $id = self::person();

    self::$a->update($id, ['external_identifier' => self::name('ext')]);

    self::assertSame(0, self::$a->journal());
    self::assertSame([], self::seen($id));
  }

  public function test_a_rolled_back_save_sends_nothing(): void {
    $id = self::person();

    self::$a->request('
      $transaction = new CRM_Core_Transaction();
      civicrm_api4("Contact", "update", ["where" => [["id", "=", $id]], "values" => ["first_name" => "Never"]]);
      $transaction->rollback();
      $transaction->commit();', ['id' => $id]);

    self::assertSame('Karl', self::$a->value("SELECT first_name FROM civicrm_contact WHERE id = $id"));
    self::assertSame([], self::seen($id));
    self::$a->process();
    self::assertSame([], self::seen($id), 'after the job');
  }

  public function test_a_contact_created_in_a_rolled_back_transaction_is_never_heard_of(): void {
    $last = self::name('Ghost');

    self::$a->request('
      $transaction = new CRM_Core_Transaction();
      civicrm_api4("Contact", "create", ["values" => ["contact_type" => "Individual", "first_name" => "Ghost", "last_name" => $last]]);
      $transaction->rollback();
      $transaction->commit();', ['last' => $last]);
    self::$a->process();
    self::$a->send();

    self::assertSame([], self::$watcher->changes());
  }

  public function test_what_an_inner_savepoint_rolls_back_is_not_sent_and_the_rest_is(): void {
    $id = self::person();

    self::$a->request('
      $outer = new CRM_Core_Transaction();
      civicrm_api4("Contact", "update", ["where" => [["id", "=", $id]], "values" => ["first_name" => "Outer"]]);
      $inner = new CRM_Core_Transaction(TRUE);
      civicrm_api4("Contact", "update", ["where" => [["id", "=", $id]], "values" => ["last_name" => "Never", "nick_name" => "Never"]]);
      $inner->rollback();
      $inner->commit();
      $outer->commit();', ['id' => $id]);

    self::assertSame([['operation' => 'update', 'first_name' => 'Outer']], self::seen($id));
  }

  public function test_exit_in_a_transaction_which_commits_it_is_recorded(): void {
    $id = self::person();

    self::$a->lastRequest('
      $GLOBALS["e2e_transaction"] = new CRM_Core_Transaction();
      civicrm_api4("Contact", "update", ["where" => [["id", "=", $id]], "values" => ["first_name" => "Exit"]]);
      exit(3);', ['id' => $id]);
    $stored = self::$a->value("SELECT first_name FROM civicrm_contact WHERE id = $id");

    self::$a->process();
    self::assertSame($stored === 'Karl' ? [] : [['operation' => 'update', 'first_name' => $stored]], self::seen($id));
  }

  public function test_an_uncaught_error_in_a_transaction_leaves_both_sides_with_the_same(): void {
    $id = self::person();

    self::$a->lastRequest('
      $transaction = new CRM_Core_Transaction();
      civicrm_api4("Contact", "update", ["where" => [["id", "=", $id]], "values" => ["first_name" => "Error"]]);
      throw new Error("on purpose");', ['id' => $id]);
    $stored = self::$a->value("SELECT first_name FROM civicrm_contact WHERE id = $id");

    self::$a->process();
    self::assertSame($stored === 'Karl' ? [] : [['operation' => 'update', 'first_name' => $stored]], self::seen($id));
  }

  public function test_a_process_killed_between_commit_and_record_loses_nothing(): void {
    $id = self::person();

    $status = self::$a->lastRequest('
      civicrm_api4("Contact", "update", ["where" => [["id", "=", $id]], "values" => ["first_name" => "Killed"]]);
      posix_kill(getmypid(), SIGKILL);', ['id' => $id]);

    self::assertSame(128 + SIGKILL, $status);
    self::assertContact(['first_name' => 'Killed'], self::$a, $id);
    self::assertSame(1, self::$a->journal(), 'the journal keeps it');
    self::$a->process();
    self::assertSame([['operation' => 'update', 'first_name' => 'Killed']], self::seen($id));
    self::assertSame(0, self::$a->journal());
  }

  public function test_a_process_killed_in_a_transaction_leaves_nothing(): void {
    $id = self::person();

    self::$a->lastRequest('
      $transaction = new CRM_Core_Transaction();
      civicrm_api4("Contact", "update", ["where" => [["id", "=", $id]], "values" => ["first_name" => "Killed"]]);
      posix_kill(getmypid(), SIGKILL);', ['id' => $id]);
    self::$a->process();

    self::assertContact(['first_name' => 'Karl'], self::$a, $id);
    self::assertSame([], self::seen($id));
  }

  public function test_raw_sql_is_noticed_for_the_columns_that_it_changed(): void {
    $id = self::person();

    self::$a->request('
      $dsn = DB::parseDSN(defined("CIVICRM_DSN") ? CIVICRM_DSN : CRM_Core_Config::singleton()->dsn);
      $mysqli = mysqli_init();
      $mysqli->real_connect($dsn["hostspec"], $dsn["username"], $dsn["password"], $dsn["database"], (int) ($dsn["port"] ?: 3306), $dsn["socket"] ?: NULL);
      $mysqli->query("UPDATE civicrm_contact SET nick_name = \'Raw\', external_identifier = NULL WHERE id = $id");', ['id' => $id]);
    self::$a->process();

    self::assertSame([['operation' => 'update', 'nick_name' => 'Raw']], self::seen($id));
  }

  public function test_raw_sql_beside_an_ordinary_save_is_recorded_with_it(): void {
    $id = self::person();
    $other = self::person();

    self::$a->request('
      civicrm_api4("Contact", "update", ["where" => [["id", "=", $id]], "values" => ["first_name" => "Saved"]]);
      CRM_Core_DAO::executeQuery("UPDATE civicrm_contact SET nick_name = \'Raw\' WHERE id IN ($id, $other)");', ['id' => $id, 'other' => $other]);

    self::assertSame([['operation' => 'update', 'first_name' => 'Saved', 'nick_name' => 'Raw']], self::seen($id));
    self::assertSame([['operation' => 'update', 'nick_name' => 'Raw']], self::seen($other));
  }

  public function test_case_and_accents_count(): void {
    $id = self::person(['first_name' => 'Muller', 'nick_name' => 'carl']);

    self::$a->update($id, ['first_name' => 'Müller', 'nick_name' => 'Carl']);

    self::assertSame([['operation' => 'update', 'first_name' => 'Müller', 'nick_name' => 'Carl']], self::seen($id));
  }

  public function test_a_save_by_a_user_without_permissions_of_civishare_is_recorded(): void {
    $id = self::person();

    self::$a->request('
      $config = CRM_Core_Config::singleton();
      $config->userPermissionClass = new CRM_Core_Permission_UnitTests();
      $config->userPermissionClass->permissions = ["access CiviCRM", "view all contacts", "edit all contacts", "add contacts"];
      civicrm_api4("Contact", "update", ["checkPermissions" => TRUE, "where" => [["id", "=", $id]], "values" => ["first_name" => "Plain"]]);
      civicrm_api3("Contact", "create", ["check_permissions" => 1, "id" => $id, "nick_name" => "User"]);', ['id' => $id]);

    self::assertSame([['operation' => 'update', 'first_name' => 'Plain', 'nick_name' => 'User']], self::seen($id));
  }

  public function test_a_save_by_nobody_is_recorded(): void {
    $id = self::person();

    self::$a->web('CRM_Core_Session::singleton()->reset(1); civicrm_api4("Contact", "update", ["checkPermissions" => FALSE, "where" => [["id", "=", $id]], "values" => ["first_name" => "Webform"]]);', ['id' => $id]);

    self::assertSame([['operation' => 'update', 'first_name' => 'Webform']], self::seen($id));
  }

  public function test_the_hooks_of_a_save_without_shared_attributes_cost_no_select(): void {
    $id = self::person();

    $selects = self::$a->request('
      $count = function () {
        return (int) CRM_Core_DAO::executeQuery("SHOW SESSION STATUS LIKE \'Com_select\'")->fetchAll()[0]["Value"];
      };
      $hooks = function ($id, $name) use ($count) {
        $params = ["id" => $id, "contact_type" => "Individual", "contact_id" => $id, $name => "x"];
        $contact = new CRM_Contact_DAO_Contact();
        $before = $count();
        CRM_Utils_Hook::pre("edit", "Individual", $id, $params);
        CRM_Utils_Hook::post("edit", "Individual", $id, $contact);
        return $count() - $before;
      };
      $hooks($id, "nick_name");
      return [$hooks($id + 1, "image_URL"), $hooks($id + 2, "nick_name"), $hooks($id + 2, "nick_name")];', ['id' => $id]);

    self::assertSame([0, 1, 0], $selects, 'no shared attribute; one; one that is known already');
  }

  public function test_two_requests_at_once_are_both_recorded(): void {
    $id = self::person();
    $processes = [];
    foreach (['first_name', 'nick_name', 'job_title', 'middle_name'] as $name) {
      $processes[] = $process = self::$a->start();
      $process->give('
        for ($i = 0; $i < 5; $i++) {
          civicrm_api4("Contact", "update", ["where" => [["id", "=", $id]], "values" => [$name => "$name $i"]]);
        }', ['id' => $id, 'name' => $name]);
    }

    foreach ($processes as $process) {
      $process->result();
      $process->close();
    }

    $last = [];
    self::$a->process();
    foreach (self::seen($id) as $change) {
      $last = array_merge($last, $change);
    }
    self::assertEquals(['operation' => 'update', 'first_name' => 'first_name 4', 'nick_name' => 'nick_name 4', 'job_title' => 'job_title 4', 'middle_name' => 'middle_name 4'], $last);
  }

  public function test_a_deadlock_in_the_middle_of_a_batch_loses_and_doubles_nothing(): void {
    $people = [];
    for ($number = 0; $number < 6; $number++) {
      $people[] = $this->watcherPerson();
    }
    $uids = array_column($people, 'uid');
    self::$watcher->clear();
    $before = self::$a->value('SELECT COUNT(*) FROM civicrm_contact');
    $changes = array_map(fn($person, $number) => self::$watcher->change($person['uid'], ['first_name' => "Deadlock $number"]), $people, array_keys($people));
    self::assertSame(202, self::$watcher->post($changes)->status);

    // The other transaction is heavier, so the server takes the batch as its victim: it holds the last contact, lets the batch
    // come as far as that, and then wants the first.
    $deadlocks = fn() => (int) (self::$a->sql("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'")[0]['Value'] ?? -1);
    $deadlocksBefore = $deadlocks();
    $first = self::$a->byUid($uids[0]);
    $last = self::$a->byUid($uids[5]);
    $other = self::$a->start();
    $other->give('
      CRM_Core_DAO::executeQuery("CREATE TABLE IF NOT EXISTS civishare_e2e_weight (id int PRIMARY KEY, n int) ENGINE=InnoDB");
      CRM_Core_DAO::executeQuery("TRUNCATE civishare_e2e_weight");
      CRM_Core_DAO::executeQuery("START TRANSACTION");
      for ($i = 0; $i < 200; $i++) {
        CRM_Core_DAO::executeQuery("INSERT INTO civishare_e2e_weight VALUES " . implode(",", array_map(function ($n) use ($i) { return "(" . (100 * $i + $n) . ", 0)"; }, range(0, 99))));
      }
      CRM_Core_DAO::executeQuery("SELECT id FROM civicrm_contact WHERE id = $last FOR UPDATE");', ['last' => $last]);
    $other->result();
    $job = self::$a->start();
    $job->give('return civicrm_api3("Job", "civishare_process", []);');
    self::awaitLockWait(self::$a);
    $other->give('CRM_Core_DAO::executeQuery("UPDATE civicrm_contact SET image_URL = NULL WHERE id = $first"); CRM_Core_DAO::executeQuery("COMMIT"); CRM_Core_DAO::executeQuery("DROP TABLE civishare_e2e_weight");', ['first' => $first]);
    $other->result();
    $other->close();
    $job->result();
    $job->close();
    self::assertTrue($deadlocksBefore === -1 || $deadlocks() > $deadlocksBefore, 'there was no deadlock');

    self::$a->process();
    foreach ($uids as $number => $uid) {
      self::assertContact(['first_name' => "Deadlock $number"], self::$a, self::$a->byUid($uid));
    }
    self::assertSame($before, self::$a->value('SELECT COUNT(*) FROM civicrm_contact'));
    self::assertSame('0', self::$a->value("SELECT COUNT(*) FROM civicrm_share_applied WHERE signature LIKE 'sentinel%'"));
    self::deliver(self::$a, self::$b);
    foreach ($uids as $number => $uid) {
      self::assertContact(['first_name' => "Deadlock $number"], self::$b, self::$b->byUid($uid));
    }
  }

  /**
   * A person whom the watcher has sent.
   */
  private function watcherPerson(): array {
    $uid = Message::uuid();
    self::assertSame(202, self::$watcher->post([self::$watcher->newPerson(['first_name' => 'W', 'last_name' => self::name()], $uid)])->status);
    self::$a->process();
    return ['uid' => $uid];
  }

  /**
   * Waits until a statement on the site's database has waited for a lock for a moment.
   */
  private static function awaitLockWait(Site $site): void {
    for ($tries = 0; $tries < 600; $tries++) {
      $waiting = $site->value("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE TIME_MS > 300 AND INFO LIKE '%civicrm_contact%' AND COMMAND = 'Query' AND INFO NOT LIKE '%PROCESSLIST%'");
      if ($waiting > 0) {
        return;
      }
      usleep(50000);
    }
    self::fail('nothing waits for the lock');
  }

}

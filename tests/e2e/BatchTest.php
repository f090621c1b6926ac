<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * Both jobs where they meet others: the database, which may roll a batch back in the middle, and themselves in other processes.
 */
final class BatchTest extends EndToEndTest {

  /**
   * CiviCRM's settings file lets it repeat a statement after a deadlock, although the server has rolled back all before it.
   */
  public function test_a_deadlock_in_a_statement_of_civicrm_itself_leaves_nothing_behind(): void {
    $last = self::name('Deadlock');
    foreach (['Holder', 'Victim', 'Other'] as $first) {
      self::$a->create(['first_name' => $first, 'last_name' => $last]);
    }
    self::$a->send();
    self::assertGreaterThan(1, (int) self::$b->ask('return CIVICRM_DEADLOCK_RETRIES;'));
    $contacts = (int) self::$b->value('SELECT COUNT(*) FROM civicrm_contact');
    // MySQL does not count them there.
    $deadlocks = fn() => (int) (self::$b->sql("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'")[0]['Value'] ?? -1);
    $before = $deadlocks();
    self::$b->sql('CREATE TABLE civishare_e2e_gate (id int PRIMARY KEY, n int, weight longtext) ENGINE=InnoDB');
    self::$b->sql('INSERT INTO civishare_e2e_gate VALUES (1, 0, NULL), (2, 0, NULL)');
    // CiviCRM notes each new contact in its log, a while after it has inserted it.
    self::$b->sql("CREATE TRIGGER civishare_e2e_gate BEFORE INSERT ON civicrm_log FOR EACH ROW
      UPDATE civishare_e2e_gate SET n = n + 1 WHERE id = (SELECT FIELD(first_name, 'Holder', 'Victim') FROM civicrm_contact
        WHERE NEW.entity_table = 'civicrm_contact' AND id = NEW.entity_id AND last_name = '$last')");
    try {
      // It is heavier than the batch, which so becomes the victim: it holds what the second contact needs, and then wants what the
      // first one has.
      $other = self::$b->start();
      $other->give('
        CRM_Core_DAO::executeQuery("START TRANSACTION");
        for ($i = 10; $i < 3000; $i++) {
          $rows[] = "($i, 0, NULL)";
        }
        CRM_Core_DAO::executeQuery("INSERT INTO civishare_e2e_gate VALUES " . implode(",", $rows));
        CRM_Core_DAO::executeQuery("UPDATE civishare_e2e_gate SET n = 0 WHERE id = 2");');
      $other->result();
      $job = self::$b->start();
      $job->give('return civicrm_api3("Job", "civishare_process", []);');
      $this->awaitLockWait();
      $other->give('CRM_Core_DAO::executeQuery("UPDATE civishare_e2e_gate SET n = 0 WHERE id = 1"); CRM_Core_DAO::executeQuery("COMMIT");');
      $other->result();
      $other->close();
      $job->result();
      $job->close();
    }
    finally {
      unset($other, $job);
      self::$b->sql('DROP TRIGGER civishare_e2e_gate');
      self::$b->sql('DROP TABLE civishare_e2e_gate');
    }

    self::assertTrue($before === -1 || $deadlocks() > $before, 'there was no deadlock');
    self::$b->process();
    self::assertSame([0, 0], [self::$b->store()['inbox'], self::$b->store()['dead']]);
    self::assertSame($contacts + 3, (int) self::$b->value('SELECT COUNT(*) FROM civicrm_contact'));
    $names = array_column(self::$b->get('Contact', [['last_name', '=', $last]], ['first_name']), 'first_name');
    sort($names);
    self::assertSame(['Holder', 'Other', 'Victim'], $names);
    self::assertSame('0', self::$b->value("SELECT COUNT(*) FROM civicrm_share_entity
      WHERE entity_type = 'Contact' AND entity_id NOT IN (SELECT id FROM civicrm_contact)"), 'states without a contact');
    self::assertSame('0', self::$b->value("SELECT COUNT(*) FROM civicrm_share_applied WHERE signature LIKE 'sentinel%'"));
  }

  public function test_a_batch_that_is_tried_one_by_one_ends_with_the_time_of_the_job(): void {
    $last = self::name('Slow');
    for ($number = 1; $number <= 3; $number++) {
      self::$a->create(['first_name' => "No. $number", 'last_name' => $last]);
    }
    self::$a->send();
    self::$b->sql("CREATE TRIGGER civishare_e2e_refuse BEFORE INSERT ON civicrm_contact FOR EACH ROW
      IF NEW.last_name = '$last' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refused by the test'; END IF");
    try {
      $outcomes = self::$b->request('return (new \Civi\Share\Apply\Applier(\Civi\Share\Native::store()))->run(microtime(TRUE));');
    }
    finally {
      self::$b->sql('DROP TRIGGER civishare_e2e_refuse');
    }

    self::assertSame(['retry' => 1], $outcomes);
    self::$b->process();
    self::assertCount(2, self::$b->get('Contact', [['last_name', '=', $last]], ['id']), 'the others were given back at once');
    $store = new \SQLite3(self::$b->store()['path']);
    $store->busyTimeout(5000);
    $store->exec('UPDATE inbox SET due_ms = 0 WHERE leased = 0');
    $store->close();
    self::$b->process();
    self::assertCount(3, self::$b->get('Contact', [['last_name', '=', $last]], ['id']));
  }

  public function test_jobs_of_both_kinds_that_run_at_once_on_both_sites_send_and_apply_everything_once(): void {
    Network::settle([self::$a, self::$b]);
    $marks = fn(Site $site) => array_column($site->sql("SELECT signature FROM civicrm_share_applied WHERE signature NOT LIKE 'sentinel%'"), 'signature');
    // What waits from before for something else may become due meanwhile.
    $before = array_map(fn(Site $site) => [[...$marks($site), ...$this->waiting($site)], $this->taken($site)], [self::$a, self::$b]);
    $last = self::name('Overlap');
    $each = 40;
    $processes = [];
    for ($round = 0; $round < 3; $round++) {
      foreach ([self::$a, self::$b] as $site) {
        foreach (['civishare_send', 'civishare_process'] as $job) {
          $processes[] = $process = $site->start();
          $process->give('
            for ($number = 0; $number < $each / 2; $number++) {
              civicrm_api3("Contact", "create", ["contact_type" => "Individual", "first_name" => "$who $number", "last_name" => $last]);
            }
            \Civi\Share\Detect\Detector::flush();
            for ($times = 0; $times < 3; $times++) {
              civicrm_api3("Job", $job, []);
            }', ['job' => $job, 'last' => $last, 'each' => $each, 'who' => "{$site->name} $job $round"]);
        }
      }
    }
    foreach ($processes as $process) {
      $process->result();
      $process->close();
    }
    Network::settle([self::$a, self::$b]);

    foreach ([self::$a, self::$b] as $number => $site) {
      $names = array_column($site->get('Contact', [['last_name', '=', $last]], ['first_name']), 'first_name');
      self::assertCount(6 * $each, $names, "on {$site->name}");
      self::assertCount(6 * $each, array_unique($names), "on {$site->name}");
      self::assertCount(3 * $each, array_diff($marks($site), $before[$number][0]), "changes that {$site->name} has applied");
      // Whatever came twice would have been taken as well, and ignored.
      self::assertSame([3 * $each, 0], array_map(fn(int $now, int $then) => $now - $then, $this->taken($site), $before[$number][1]), "changes that were sent to {$site->name}");
      self::assertSame(0, $site->store()['dead']);
    }
  }

  // ---- the parts ----

  /**
   * @return int[]
   *   How many changes the site has accepted in all its messages, and how many ignored.
   */
  private function taken(Site $site): array {
    $answers = array_map(fn($answer) => json_decode($answer, TRUE), $this->stored($site, 'SELECT answer FROM taken'));
    return [array_sum(array_column($answers, 'accepted')), array_sum(array_column($answers, 'ignored'))];
  }

  /**
   * @return string[]
   *   The loop signatures of what is in the site's inbox.
   */
  private function waiting(Site $site): array {
    return array_map('base64_encode', $this->stored($site, 'SELECT signature FROM inbox'));
  }

  /**
   * @return string[]
   *   The first column of what the site's store holds.
   */
  private function stored(Site $site, string $query): array {
    $store = new \SQLite3($site->store()['path']);
    $store->busyTimeout(5000);
    $found = [];
    $rows = $store->query($query);
    while ($row = $rows->fetchArray(SQLITE3_NUM)) {
      $found[] = $row[0];
    }
    $store->close();
    return $found;
  }

  private function awaitLockWait(): void {
    for ($tries = 0; $tries < 600; $tries++) {
      if (self::$b->value("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE TIME_MS > 300 AND COMMAND = 'Query' AND (INFO LIKE '%civicrm_log%' OR INFO LIKE 'UPDATE civishare_e2e_gate%') AND INFO NOT LIKE '%PROCESSLIST%'") > 0) {
        return;
      }
      usleep(50000);
    }
    self::fail('the batch never came as far as that');
  }

}

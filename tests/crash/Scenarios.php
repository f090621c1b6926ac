<?php
declare(strict_types = 1);

namespace CiviShare\Crash;

use CiviShare\E2e\Process;
use CiviShare\E2e\Site;

/**
 * One kill each, at one exact place between two commits.
 */
final class Scenarios {

  private readonly Database $here;

  private readonly Database $there;

  private ?Gate $gate = NULL;

  /**
   * @var StoreLock[]
   */
  private array $locks = [];

  /**
   * @var string[]
   */
  private array $findings = [];

  public function __construct(private readonly Site $a, private readonly Site $b) {
    $this->here = new Database($a);
    $this->there = new Database($b);
  }

  /**
   * @return string[]
   */
  public function all(): array {
    return array_values(array_filter(get_class_methods($this), fn(string $name) => strpos($name, 'killed') !== FALSE));
  }

  /**
   * What a test needs and the sites do not have; NULL if they have it.
   */
  public function needs(string $name): ?string {
    if ($this->a->env('SITE_DB_SOCKET') === NULL || $this->b->env('SITE_DB_SOCKET') === NULL) {
      return 'SITE_DB_SOCKET is not set';
    }
    return strpos($name, 'database') !== FALSE && $this->b->env('SITE_DB_PID') === NULL ? 'SITE_DB_PID is not set' : NULL;
  }

  /**
   * @return string[]
   *   What is wrong.
   */
  public function run(string $name): array {
    $this->findings = [];
    $dead = $this->dead();
    $this->$name();
    $this->tidy();
    [, , $left] = Quiet::come([$this->a, $this->b], 30);
    $this->same($this->dead(), $dead, 'dead letters');
    return array_merge($this->findings, $left);
  }

  public function tidy(): void {
    foreach ($this->locks as $lock) {
      $lock->release();
    }
    $this->locks = [];
    if ($this->gate !== NULL) {
      $this->gate->remove();
      $this->gate = NULL;
    }
  }

  // ---- the saving process ----

  public function killed_between_commit_and_record_it_is_recorded_by_the_job(): void {
    [$id, $name] = $this->person();

    $this->a->lastRequest('
      civicrm_api4("Contact", "update", ["where" => [["id", "=", $id]], "values" => ["first_name" => "Killed"]]);
      posix_kill(getmypid(), SIGKILL);', ['id' => $id]);

    $this->same($this->a->journal() > 0, TRUE, 'the journal keeps it');
    $this->arrives($name, 'Killed');
  }

  public function killed_in_an_open_transaction_nothing_has_happened(): void {
    [$id, $name] = $this->person();

    $this->a->lastRequest('
      $transaction = new CRM_Core_Transaction();
      civicrm_api4("Contact", "update", ["where" => [["id", "=", $id]], "values" => ["first_name" => "Killed"]]);
      posix_kill(getmypid(), SIGKILL);', ['id' => $id]);

    $this->arrives($name, 'Before', 0);
  }

  public function killed_between_record_and_outbox_it_gets_there_by_the_job(): void {
    [$id, $name] = $this->person();
    $store = $this->lock($this->a);
    $store->take();

    $process = $this->save($id);
    $this->until(fn() => $this->here->value('SELECT COUNT(*) FROM civicrm_share_journal WHERE payload IS NOT NULL') > 0, 'the change is settled');
    $process->kill();
    $store->release();

    $this->same($store->value('SELECT COUNT(*) FROM outbox'), 0, 'nothing is in the outbox');
    $this->arrives($name, 'Killed');
  }

  public function killed_between_outbox_and_journal_it_is_sent_once(): void {
    [$id, $name] = $this->person();
    $this->gate = new Gate($this->here, 'civicrm_share_journal', 'BEFORE DELETE', 'OLD.payload IS NOT NULL');

    $process = $this->save($id);
    $connection = $this->gate->await();
    $this->same($this->lock($this->a)->value('SELECT COUNT(*) FROM outbox'), 1, 'it is in the outbox');
    $process->kill();
    $this->gate->end($connection);
    $this->tidy();

    $this->same($this->a->journal(), 1, 'the journal still has it');
    $this->arrives($name, 'Killed');
  }

  public function killed_while_creating_and_edited_since_the_creation_goes_first(): void {
    $name = 'Scenario ' . bin2hex(random_bytes(5));
    $this->remember();
    $this->a->lastRequest('
      civicrm_api4("Contact", "create", ["values" => ["contact_type" => "Individual", "first_name" => "Before", "last_name" => $name]]);
      posix_kill(getmypid(), SIGKILL);', ['name' => $name]);
    $store = $this->lock($this->a);
    $store->take();

    // This edit is recorded before the creation, which is left to the job; both wait in the journal then.
    $process = $this->save((int) $this->here->value("SELECT id FROM civicrm_contact WHERE last_name = '$name'"));
    $this->until(fn() => $this->here->value('SELECT COUNT(*) FROM civicrm_share_journal WHERE payload IS NOT NULL') > 0, 'the edit is settled');
    $process->kill();
    $store->release();

    $this->arrives($name, 'Killed', NULL);
  }

  // ---- the job that sends ----

  public function killed_before_the_answer_was_noted_the_message_counts_once(): void {
    [$id, $name] = $this->person();
    $this->a->update($id, ['first_name' => 'Killed']);
    $there = $this->lock($this->b);
    $here = $this->lock($this->a);

    $there->take();
    $process = $this->job($this->a, 'send');
    $this->until(fn() => $here->value('SELECT COUNT(*) FROM message') > 0, 'the message is frozen');
    $here->take();
    $there->release();
    $this->until(fn() => $there->value('SELECT COUNT(*) FROM inbox') > 0, 'the peer has taken it');
    $process->kill();
    $here->release();

    $this->same($here->value('SELECT COUNT(*) FROM message') > 0, TRUE, 'the sender does not know that it was taken');
    $this->arrives($name, 'Killed');
  }

  public function killed_while_it_receives_the_web_server_has_taken_nothing(): void {
    [$id, $name] = $this->person();
    $this->a->update($id, ['first_name' => 'Killed']);
    $there = $this->lock($this->b);
    $here = $this->lock($this->a);
    $server = new WebServer($this->b);

    $there->take();
    $process = $this->job($this->a, 'send');
    $this->until(fn() => $here->value('SELECT COUNT(*) FROM message') > 0, 'the message is frozen');
    usleep(400000);
    $server->killAll();
    $there->release();
    $process->result();
    $process->close();
    $this->same($there->value('SELECT COUNT(*) FROM inbox'), 0, 'nothing was stored');
    $server->restart();

    $this->arrives($name, 'Killed');
  }

  // ---- the job that applies ----

  public function killed_before_the_commit_the_job_has_applied_nothing(): void {
    $name = $this->inTheInbox();
    $this->gate = new Gate($this->there, 'civicrm_share_applied', 'BEFORE DELETE', "OLD.signature LIKE 'sentinel%'");

    $process = $this->job($this->b, 'process');
    $connection = $this->gate->await();
    $process->kill();
    $this->gate->end($connection);
    $this->tidy();

    $this->same($this->count($this->there, $name), 0, 'nothing is applied');
    $this->arrives($name, 'Before');
  }

  public function killed_between_commit_and_store_the_job_applies_nothing_twice(): void {
    $name = $this->inTheInbox();
    $this->gate = new Gate($this->there, 'civicrm_share_applied', 'BEFORE DELETE', "OLD.signature LIKE 'sentinel%'");
    $store = $this->lock($this->b);

    $process = $this->job($this->b, 'process');
    $this->gate->await();
    $store->take();
    $this->gate->open();
    $this->until(fn() => $this->count($this->there, $name) === 1, 'it is committed');
    $process->kill();
    $store->release();
    $this->tidy();

    $this->same($store->value('SELECT COUNT(*) FROM inbox') > 0, TRUE, 'the store still has it');
    $this->arrives($name, 'Before', 0);
  }

  public function killed_in_the_middle_of_applying_the_database_has_half_of_nothing(): void {
    $name = $this->inTheInbox();
    $this->gate = new Gate($this->there, 'civicrm_share_applied', 'BEFORE DELETE', "OLD.signature LIKE 'sentinel%'");

    $process = $this->job($this->b, 'process');
    $this->gate->await();
    $this->here->disconnect();
    $this->same($this->there->kill(), TRUE, 'the database server is killed');
    $process->close();
    $this->there->up();
    $this->a->refresh();
    $this->b->refresh();
    $this->tidy();

    $this->same($this->count($this->there, $name), 0, 'nothing is applied');
    $this->arrives($name, 'Before');
  }

  // ---- what they share ----

  /**
   * A person whom both sites know and whose first name is "Before".
   *
   * @return array
   *   [id on A, name]
   */
  private function person(): array {
    $name = 'Scenario ' . bin2hex(random_bytes(5));
    $id = $this->a->create(['first_name' => 'Before', 'last_name' => $name]);
    Quiet::come([$this->a, $this->b], 30);
    $this->remember();
    return [$id, $name];
  }

  /**
   * A new person of A who waits in B's inbox.
   */
  private function inTheInbox(): string {
    $name = 'Scenario ' . bin2hex(random_bytes(5));
    $this->remember();
    $this->a->create(['first_name' => 'Before', 'last_name' => $name]);
    $this->a->send();
    $this->same($this->b->store()['inbox'], 1, 'it waits in the inbox');
    return $name;
  }

  private int $marks = 0;

  private function remember(): void {
    $this->marks = $this->marks();
  }

  /**
   * How many changes B has applied.
   */
  private function marks(): int {
    return (int) $this->there->value("SELECT COUNT(*) FROM civicrm_share_applied WHERE signature NOT LIKE 'sentinel%'");
  }

  /**
   * A process that updates a person and is on its way out.
   */
  private function save(int $id): Process {
    $process = $this->a->start();
    $process->give('civicrm_api4("Contact", "update", ["where" => [["id", "=", $id]], "values" => ["first_name" => "Killed"]]); register_shutdown_function("fflush", STDOUT);', ['id' => $id]);
    $process->result();
    $process->give('exit(0);');
    return $process;
  }

  private function job(Site $site, string $job): Process {
    $process = $site->start();
    $process->give("return civicrm_api3('Job', 'civishare_$job', [])['values'];");
    return $process;
  }

  /**
   * With the next run of the jobs, in the next minute even if an earlier worker was killed, the person is on both sides, once, with
   * this first name, and B has applied so many changes since remember(); NULL for any number.
   */
  private function arrives(string $name, string $first, ?int $applied = 1): void {
    $marks = $this->marks();
    [$rounds, $seconds] = Quiet::come([$this->a, $this->b], 75);
    foreach ([$this->here, $this->there] as $number => $database) {
      $where = 'on ' . [$this->a, $this->b][$number]->name;
      $this->same($this->count($database, $name), 1, "$where the person is there once");
      $this->same($database->value("SELECT first_name FROM civicrm_contact WHERE last_name = '$name'"), $first, "$where the first name");
    }
    $before = $applied === 0 && $marks > $this->marks ? $marks : $this->marks;
    if ($applied !== NULL) {
      $this->same($this->marks() - $before, $applied, 'changes applied');
    }
    // On a busy machine a round alone may take long; whoever waits for a dead worker's lease needs many.
    if ($seconds > 20 && $rounds > 4) {
      $this->findings[] = sprintf('it took the jobs %d s and %d rounds', $seconds, $rounds);
    }
  }

  private function dead(): int {
    return $this->a->store()['dead'] + $this->b->store()['dead'];
  }

  private function count(Database $database, string $name): int {
    return (int) $database->value("SELECT COUNT(*) FROM civicrm_contact WHERE last_name = '$name'");
  }

  private function lock(Site $site): StoreLock {
    return $this->locks[] = new StoreLock($site);
  }

  private function until(callable $condition, string $what): void {
    for ($end = microtime(TRUE) + 20; microtime(TRUE) < $end;) {
      if ($condition()) {
        return;
      }
      usleep(5000);
    }
    throw new \RuntimeException("it did not come about that $what");
  }

  /**
   * @param mixed $is
   * @param mixed $shouldBe
   */
  private function same($is, $shouldBe, string $what): void {
    if ($is !== $shouldBe) {
      $this->findings[] = "$what: " . json_encode($is) . ' instead of ' . json_encode($shouldBe);
    }
  }

}

<?php
declare(strict_types = 1);

namespace Civi\Share\Apply;

use Civi\Share\Conflict\Conflicts;
use Civi\Share\Db;
use Civi\Share\Detect\Detector;
use Civi\Share\Detect\Mode;
use Civi\Share\Journal\Journal;
use Civi\Share\Journal\Sieve;
use Civi\Share\Peering;
use Civi\Share\Settle\Settler;
use Civi\Share\Settle\States;
use Civi\Share\Trouble;
use Civi\Share\Type\CustomRows;
use Civi\Share\Type\References;
use Civi\Share\Type\Registry;

/**
 * Applies what waits in the inbox: many changes in one transaction, those that fail in it alone and again.
 *
 * One that can never be applied becomes a dead letter with its reason; the others go on.
 */
final class Applier {

  const BATCH = 100;

  /**
   * Longer than a batch may take on a slow site.
   */
  const LEASE_MS = 600000;

  /**
   * So often a change is tried before it becomes a dead letter.
   */
  const ATTEMPTS = 5;

  /**
   * So often at once, if only the database stood in the way.
   */
  const TRIES = 4;

  /**
   * Pause before the next attempt.
   */
  const PAUSE_MS = 60000;

  /**
   * What waits for an entity is looked at in the next run.
   */
  const WAIT_MS = 1000;

  /**
   * How many loop signatures a change may carry besides its own (protocol.md, "Loop detection").
   */
  const CHAIN = 31;

  /**
   * So long CiviCRM's caches of who may see which contacts may be old.
   */
  const STALE_SECONDS = 5;

  /**
   * @var array<string, int>
   *   Outcome => number of changes.
   */
  private array $count = [];

  /**
   * Unix time since which they are, NULL while they are not.
   */
  private ?float $stale = NULL;

  /**
   * @var array<string, array>
   *   UID => result of a change that names it and could not be applied in this run: what comes after it waits as well. A merge names
   *   two entities, so both are held by it, and it by both.
   */
  private array $held = [];

  /**
   * @var array<string, array>
   *   States of the UIDs that the batch names, as they were at its beginning.
   */
  private array $known = [];

  /**
   * @var array<int, int>
   *   What is claimed and not finished.
   */
  private array $inHand = [];

  /**
   * @var array<int, array>
   *   Changes in our hands that wait for an entity, by their number in the inbox.
   */
  private array $deferred = [];

  /**
   * Unix time at which nothing further is begun.
   */
  private float $deadline = 0;

  public function __construct(private readonly \CiviShare\Store $store) {
  }

  /**
   * @param float $deadline
   *   Unix time at which no further batch is begun, nor a further change of one that is tried one by one.
   *
   * @return array<string, int>
   *   Outcome => number of changes.
   */
  public function run(float $deadline): array {
    $this->deadline = $deadline;
    \CRM_Core_Config::setPermitCacheFlushMode(FALSE);
    try {
      Detector::paused(function () use ($deadline): void {
        Sieve::applying(function () use ($deadline): void {
          $this->work($deadline);
        });
      });
    }
    finally {
      \CRM_Core_Config::setPermitCacheFlushMode(TRUE);
      $this->clearCaches();
    }
    return $this->count;
  }

  private function work(float $deadline): void {
    do {
      $claims = $this->withoutSuspects($this->store->claim(self::BATCH, self::LEASE_MS));
      if ($claims !== []) {
        $this->batch($claims);
      }
    } while ($claims !== [] && microtime(TRUE) < $deadline);
    $this->retryDeferred();
  }

  /**
   * A change that failed before, or was in the hands of a process that died, is taken alone, and nothing else is in our hands
   * meanwhile: should it end this process too, no other change is suspected with it.
   */
  private function withoutSuspects(array $claims): array {
    $take = 0;
    while ($take < count($claims) && $claims[$take]['attempts'] === 0) {
      $take++;
    }
    $take = max(1, $take);
    $this->giveBack(array_column(array_slice($claims, $take), 'inbox'));
    return array_slice($claims, 0, $take);
  }

  private function batch(array $claims): void {
    Waiting::flush();
    Choice::flush();
    Conflicts::flush();
    Missing::flush();
    $this->inHand = array_column($claims, 'inbox', 'inbox');
    try {
      $rest = $this->segments($this->withoutApplied($claims));
      while (($segment = array_shift($rest)) !== NULL) {
        $late = $this->oneByOne($this->together($segment));
        if ($late !== [] || ($rest !== [] && microtime(TRUE) >= $this->deadline)) {
          $this->giveBack(array_column(array_merge($late, ...$rest), 'inbox'));
          break;
        }
      }
    }
    catch (\Throwable $e) {
      $this->giveBack(array_values($this->inHand));
      throw $e;
    }
    finally {
      $this->stale ??= microtime(TRUE);
      if (microtime(TRUE) - $this->stale >= self::STALE_SECONDS) {
        $this->clearCaches();
      }
    }
  }

  /**
   * Who may see which contacts, and who is in which smart group: CiviCRM empties these tables at every save, which takes as long as the
   * save itself, and its own import once at its end.
   */
  private function clearCaches(): void {
    if ($this->stale !== NULL) {
      $this->stale = NULL;
      $permitted = \CRM_Core_Config::isPermitCacheFlushMode();
      \CRM_Core_Config::setPermitCacheFlushMode(TRUE);
      \CRM_Contact_BAO_Contact_Utils::clearContactCaches();
      \CRM_Core_Config::setPermitCacheFlushMode($permitted);
    }
  }

  /**
   * Those that were applied by a process that died before it could tell the store.
   */
  private function withoutApplied(array $claims): array {
    $signatures = array_column($claims, 'signature');
    $applied = array_column(Db::rows('SELECT signature FROM civicrm_share_applied WHERE signature IN (' . Db::quoteAll($signatures) . ')'), 'signature', 'signature');
    $results = $rest = [];
    foreach ($claims as $claim) {
      if (isset($applied[$claim['signature']])) {
        $results[] = ['inbox' => $claim['inbox'], 'outcome' => 'applied'];
      }
      else {
        $rest[] = $claim;
      }
    }
    $this->finish($results);
    return $rest;
  }

  /**
   * What changes the schema ends any transaction, so it stands alone; what comes after it may be a value of the field that it makes.
   *
   * @return array[][]
   */
  private function segments(array $claims): array {
    $segments = [];
    $open = FALSE;
    foreach ($claims as $claim) {
      $alone = !empty(Registry::type((string) $claim['type'])->alone);
      if ($open && !$alone) {
        $segments[count($segments) - 1][] = $claim;
      }
      else {
        $segments[] = [$claim];
      }
      $open = !$alone;
    }
    return $segments;
  }

  /**
   * @return array[]
   *   Claims that have to be tried alone.
   */
  private function together(array $claims): array {
    if (count($claims) < 2) {
      return $claims;
    }
    try {
      $failed = [];
      $this->attempt($claims, $failed);
      return $failed;
    }
    catch (\Throwable $e) {
      \Civi::log()->info(sprintf('CiviShare: a batch of %d changes is tried one by one: %s', count($claims), $e->getMessage()));
      return $claims;
    }
  }

  /**
   * One by one a hundred changes may take minutes on a busy site.
   *
   * @return array[]
   *   Claims that the time did not suffice for.
   */
  private function oneByOne(array $claims): array {
    foreach (array_values($claims) as $number => $claim) {
      if ($number > 0 && microtime(TRUE) >= $this->deadline) {
        return array_slice($claims, $number);
      }
      $this->alone($claim);
    }
    return [];
  }

  /**
   * What was claimed and not got to is for the next run, at once and without suspicion.
   *
   * @param int[] $claims
   *   By their numbers in the inbox.
   */
  private function giveBack(array $claims): void {
    if ($claims !== []) {
      $this->store->finish(array_map(function (int $inbox): array {
        return ['inbox' => $inbox, 'outcome' => 'wait', 'until' => 0];
      }, $claims));
      $this->inHand = array_diff_key($this->inHand, array_flip($claims));
    }
  }

  private function alone(array $claim): void {
    if ($claim['attempts'] > self::ATTEMPTS) {
      $this->finish([['inbox' => $claim['inbox'], 'outcome' => 'dead', 'reason' => 'Applying it has ended the process again and again.']]);
      return;
    }
    for ($try = 1;; $try++) {
      try {
        $this->attempt([$claim]);
        return;
      }
      catch (\Throwable $e) {
        if (!Db::answers()) {
          // The server has gone, not this change wrong; and no other one can be applied either.
          throw $e;
        }
        if (!Lost::is($e) || $try >= self::TRIES) {
          $result = $this->failed($claim, $e);
          $this->held += $result['outcome'] === 'retry' ? self::holds($claim, $result) : [];
          $this->finish([$result]);
          return;
        }
        usleep(random_int(10000, 50000) * $try);
      }
    }
  }

  /**
   * One transaction.
   *
   * @param array[]|null $failed
   *   Takes the claims that failed, each rolled back by itself. Without it a failure ends the whole.
   */
  private function attempt(array $claims, ?array &$failed = NULL): void {
    $transaction = new Transaction();
    Greetings::begin();
    Chosen::begin();
    Employers::begin();
    $done = $changes = [];
    $held = $this->held;
    $this->known = States::ofUids(self::allUids($claims));
    try {
      foreach ($failed === NULL ? $claims : $this->ahead($claims, $done, $changes) as $claim) {
        $incoming = $failed === NULL ? $this->one($claim, $done, $held) : $this->oneOfMany($claim, $done, $held, $failed);
        if ($incoming !== NULL) {
          $changes[] = $incoming;
        }
      }
      $this->mark($done);
      $this->refuseOpenRows($changes);
      if ($done !== []) {
        // A database that knows of less than the store has seen was restored from a backup (Site).
        Db::run("INSERT INTO civicrm_share_instance (name, value) VALUES ('applied', 1) ON DUPLICATE KEY UPDATE value = value + 1");
      }
      $batch = 'batch:' . bin2hex(random_bytes(8));
      Cause::set($batch);
      Chosen::compute();
      Employers::compute();
      Greetings::compute();
      $this->know($changes);
      $transaction->commit();
    }
    catch (\Throwable $e) {
      $transaction->rollback();
      throw $e;
    }
    finally {
      Cause::set(NULL);
    }
    $this->held = $held;
    $this->publish($changes, $batch);
    $this->finish($this->defer($done));
  }

  /**
   * What belongs to an entity that has not arrived is kept in hand: it may come in this very run.
   *
   * @return array[]
   *   The results of the others.
   */
  private function defer(array $done): array {
    $results = [];
    foreach ($done as $one) {
      if (isset($one['result']['missing'])) {
        $this->deferred[$one['claim']['inbox']] = ['missing' => $one['result']['missing']] + $one;
      }
      else {
        $results[] = $one['result'];
      }
    }
    return $results;
  }

  /**
   * Tries again what has been waiting for something that is here now.
   */
  private function retryDeferred(): void {
    do {
      $missing = array_merge([], ...array_column($this->deferred, 'missing'));
      $known = $missing === [] ? [] : References::find($missing);
      $ready = array_filter($this->deferred, function (array $one) use ($known): bool {
        return array_diff($one['missing'], array_keys($known)) === [];
      });
      $this->deferred = array_diff_key($this->deferred, $ready);
      $this->held = array_filter($this->held, function (array $result): bool {
        return !isset($result['missing']);
      });
      foreach ($this->deferred as $one) {
        $this->held += self::holds($one['claim'], $one['result']);
      }
      // One that was held up stands behind what held it up.
      ksort($ready);
      foreach (array_chunk(array_column($ready, 'claim'), self::BATCH) as $claims) {
        $this->batch($claims);
      }
    } while ($ready !== []);
    $soon = (int) (microtime(TRUE) * 1000) + self::WAIT_MS;
    $this->finish(array_map(function (array $one) use ($soon): array {
      unset($one['result']['missing']);
      return ['until' => $soon] + $one['result'];
    }, array_values($this->deferred)));
    $this->deferred = [];
  }

  /**
   * Applies together what can be, new entities first, as updates may refer to them; and goes on as long as that makes others the first
   * ones of their entities.
   *
   * @return array[]
   *   Claims that are to be applied one by one.
   */
  private function ahead(array $claims, array &$done, array &$changes): array {
    $ways = ['create', 'update'];
    do {
      $before = count($claims);
      foreach ($ways as $number => $way) {
        $made = count($claims) > 1 ? $this->aheadBy($way, $claims) : [];
        if ($made === NULL) {
          unset($ways[$number]);
        }
        elseif ($made !== []) {
          $claims = $this->without($claims, $made, $done, $changes);
        }
      }
    } while (count($claims) < $before);
    return $claims;
  }

  /**
   * @param string $way
   *   A door of Ahead.
   *
   * @return array|null
   *   As that gives it; NULL if any of them fails.
   */
  private function aheadBy(string $way, array $claims): ?array {
    $savepoint = new \CRM_Core_Transaction(TRUE);
    try {
      $made = Ahead::$way($claims, $this->held, $this->known);
      $savepoint->commit();
      return $made;
    }
    catch (\Throwable $e) {
      self::undo($savepoint, $e);
      if ($e instanceof Unturned) {
        // Ahead leaves this type out from now on.
        return $this->aheadBy($way, $claims);
      }
      \Civi::log()->info('CiviShare: what could be applied together is applied one by one: ' . $e->getMessage());
      return NULL;
    }
  }

  /**
   * Rolls back what has failed.
   *
   * @throws \Throwable
   *   What it has failed with, if the whole transaction is lost with it.
   */
  private static function undo(\CRM_Core_Transaction $savepoint, \Throwable $e): void {
    try {
      $savepoint->rollback()->commit();
    }
    catch (\Throwable $gone) {
      throw $e;
    }
    if (Lost::is($e) || self::isFullText()) {
      throw $e;
    }
  }

  /**
   * MariaDB (10.11, at least) aborts where a transaction that began with another table goes back to a savepoint and then writes a row of a
   * full-text index again. CiviCRM has such an index of contacts' names since 6.17, and older ones if they are told to.
   */
  private static function isFullText(): bool {
    static $is = NULL;
    return $is ??= Db::value("SELECT 1 FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND INDEX_TYPE = 'FULLTEXT' LIMIT 1") !== NULL;
  }

  /**
   * @return array[]
   *   The claims that have not been made.
   */
  private function without(array $claims, array $made, array &$done, array &$changes): array {
    $rest = [];
    foreach ($claims as $claim) {
      [$incoming, $result] = $made[$claim['signature']] ?? [NULL, NULL];
      if ($incoming === NULL) {
        $rest[] = $claim;
      }
      else {
        $changes[] = $incoming;
        $done[] = ['result' => ['inbox' => $claim['inbox']] + $result, 'claim' => $claim];
      }
    }
    $this->known = $rest === [] ? [] : States::ofUids(self::allUids($rest));
    return $rest;
  }

  /**
   * In a savepoint, so that its failure costs the others nothing.
   */
  private function oneOfMany(array $claim, array &$done, array &$held, array &$failed): ?Incoming {
    foreach ($failed as $earlier) {
      if (array_intersect(self::uids($earlier), self::uids($claim)) !== []) {
        $failed[] = $claim;
        return NULL;
      }
    }
    $savepoint = new \CRM_Core_Transaction(TRUE);
    try {
      $incoming = $this->one($claim, $done, $held);
      $savepoint->commit();
      return $incoming;
    }
    catch (\Throwable $e) {
      self::undo($savepoint, $e);
      $failed[] = $claim;
      return NULL;
    }
  }

  /**
   * @param array $held
   *   As the property.
   */
  private function one(array $claim, array &$done, array &$held): ?Incoming {
    $before = array_intersect_key($held, array_flip(self::uids($claim)));
    if ($before !== []) {
      $result = self::behind($claim, $before);
      $held += self::holds($claim, $result);
      $done[] = ['result' => $result, 'claim' => $claim];
      return NULL;
    }
    $type = Registry::type((string) $claim['type']);
    $peering = Peering::byId((int) $claim['peering']);
    if ($type === NULL && CustomRows::isName((string) $claim['type'])) {
      // The set may be on its way.
      throw new \RuntimeException('This site has no set of custom fields for ' . $claim['type'] . '.');
    }
    if ($type === NULL || $peering === NULL) {
      $reason = $type === NULL ? 'This site no longer has the change type ' . $claim['type'] . '.' : 'The peering is gone.';
      $done[] = ['result' => ['inbox' => $claim['inbox'], 'outcome' => 'dead', 'reason' => $reason], 'claim' => $claim];
      return NULL;
    }
    $incoming = new Incoming($claim, $type, $peering);
    $result = $incoming->apply($this->known);
    if ($incoming->meant->movesUids()) {
      $this->known = [];
    }
    if ($result['outcome'] === 'wait' && empty($result['alone'])) {
      // What comes after it is about an entity that is not here yet.
      $held += self::holds($claim, $result);
    }
    $done[] = ['result' => ['inbox' => $claim['inbox']] + $result, 'claim' => $claim];
    return $incoming;
  }

  /**
   * Written in the same transaction: if the process dies before it can tell the store, the next one knows.
   */
  private function mark(array $done): void {
    $marks = [];
    $now = (int) (microtime(TRUE) * 1000);
    foreach ($done as $one) {
      if ($one['result']['outcome'] === 'applied') {
        $marks[] = '(' . Db::quote($one['claim']['signature']) . ", $now)";
      }
    }
    if ($marks !== []) {
      Db::run('INSERT INTO civicrm_share_applied (signature, applied_ms) VALUES ' . implode(', ', $marks));
    }
  }

  /**
   * A person may have edited one of the entities since it was decided what to write: then it has to be decided anew.
   *
   * @param Incoming[] $changes
   *
   * @throws Lost
   */
  private function refuseOpenRows(array $changes): void {
    $conditions = [];
    foreach ($changes as $incoming) {
      foreach ($incoming->meant->entityIds() as $id) {
        $conditions[$incoming->type->name]['tables'] = array_keys($incoming->type->tables());
        $conditions[$incoming->type->name]['ids'][$id] = $id;
      }
    }
    foreach ($conditions as $condition) {
      $open = Db::rows('SELECT id FROM civicrm_share_journal WHERE payload IS NULL AND cause IS NULL
        AND table_name IN (' . Db::quoteAll($condition['tables']) . ') AND entity_id IN (' . implode(',', $condition['ids']) . ')
        LIMIT 1' . (Transaction::mayReadCommitted() ? '' : ' LOCK IN SHARE MODE'));
      if ($open !== []) {
        throw new Lost('Somebody edited the entity meanwhile.');
      }
    }
  }

  /**
   * Without triggers, what applying has written must not look like an edit.
   *
   * @param Incoming[] $changes
   */
  private function know(array $changes): void {
    if (!Mode::isLog()) {
      return;
    }
    $ids = $types = [];
    foreach ($changes as $incoming) {
      $types[$incoming->type->name] = $incoming->type;
      $ids[$incoming->type->name] ??= [];
      array_push($ids[$incoming->type->name], ...$incoming->meant->entityIds());
    }
    foreach ($types as $name => $type) {
      Sieve::know($type, array_unique($ids[$name]));
    }
  }

  /**
   * After the commit: what goes on to other peers goes to the outbox.
   *
   * @param Incoming[] $changes
   * @param string $batch
   *   The cause of what CiviCRM put off until the commit.
   */
  private function publish(array $changes, string $batch): void {
    try {
      $carried = $this->settleLate($changes, 'j.cause = ' . Db::quote($batch) . ' AND ' . Journal::thisRequest());
      foreach ($changes as $incoming) {
        $carried += $incoming->carried();
      }
      Settler::publish($carried);
    }
    catch (\Throwable $e) {
      // It is committed; the journal rows keep what is still to go out.
      Trouble::note('forward', $e);
    }
  }

  /**
   * Rules of other extensions may run only after the commit. What they do to an entity was caused by the change of that entity; what
   * they do to another one, by any of the batch, so it bears the chains of all. Of what has come round nothing is derived.
   *
   * @param Incoming[] $changes
   *
   * @return array<int, array[]>
   */
  private function settleLate(array $changes, string $where): array {
    $found = Journal::find($where, Settler::ROWS);
    if ($found->isEmpty()) {
      return [];
    }
    $chains = [];
    foreach ($changes as $incoming) {
      $chains[$incoming->meant->entity()] = $incoming->derives() ? $incoming->chain() : [];
    }
    $all = array_slice(array_values(array_unique(array_merge(...array_values($chains)))), -self::CHAIN);
    $carried = [];
    foreach ($found->byEntity() as $entity => $rows) {
      $chain = $chains[$entity] ?? $all;
      if ($chain === []) {
        Journal::delete($rows);
      }
      else {
        $carried += Settler::causedBy($chain)->matching('j.id IN (' . implode(',', $rows) . ')');
      }
    }
    return $carried;
  }

  private function failed(array $claim, \Throwable $e): array {
    $reason = get_class($e) . ': ' . $e->getMessage();
    \Civi::log()->warning(sprintf('CiviShare: change %d of peering %d was not applied: %s', $claim['inbox'], $claim['peering'], $reason));
    $reason = $e instanceof \RuntimeException && !$e instanceof \Civi\Share\DbException ? $e->getMessage() : $reason;
    if ($claim['attempts'] >= self::ATTEMPTS) {
      return ['inbox' => $claim['inbox'], 'outcome' => 'dead', 'reason' => $reason];
    }
    return ['inbox' => $claim['inbox'], 'outcome' => 'retry', 'reason' => $reason, 'until' => self::soon()];
  }

  /**
   * @param array[] $before
   *   Results of earlier changes of the same entity.
   */
  private static function behind(array $claim, array $before): array {
    $result = ['inbox' => $claim['inbox'], 'outcome' => 'wait', 'reason' => 'It waits for an earlier change of the same entity.'];
    $until = array_column($before, 'until');
    return $result + ($until !== [] ? ['until' => max($until)] : ['missing' => array_values(array_unique(array_merge(...array_column($before, 'missing'))))]);
  }

  /**
   * @return array<string, array>
   *   Each UID that the change names => the result.
   */
  private static function holds(array $claim, array $result): array {
    return array_fill_keys(self::uids($claim), $result);
  }

  /**
   * @return string[]
   *   Every UID that the change names, as the store keeps the order by them.
   */
  public static function uids(array $claim): array {
    return array_filter([$claim['uid'], $claim['merged_uid'] ?? NULL, ...$claim['same_as'] ?? []], 'is_string');
  }

  /**
   * @return string[]
   */
  private static function allUids(array $claims): array {
    return array_values(array_unique(array_merge(...array_map([self::class, 'uids'], $claims))));
  }

  private static function soon(): int {
    return (int) (microtime(TRUE) * 1000) + self::PAUSE_MS;
  }

  private function finish(array $results): void {
    if ($results === []) {
      return;
    }
    foreach ($results as $result) {
      $this->count[$result['outcome']] = ($this->count[$result['outcome']] ?? 0) + 1;
    }
    $this->store->finish($results);
    $this->inHand = array_diff_key($this->inHand, array_column($results, 'inbox', 'inbox'));
  }

}

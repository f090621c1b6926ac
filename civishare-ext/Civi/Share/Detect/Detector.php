<?php
declare(strict_types = 1);

namespace Civi\Share\Detect;

use Civi\Share\Db;
use Civi\Share\Job\Send;
use Civi\Share\Journal\Triggers;
use Civi\Share\LocalNode;
use Civi\Share\Native;
use Civi\Share\Settle\Settler;
use Civi\Share\Trouble;
use Civi\Share\Type\Active;
use Civi\Share\Type\Registry;

/**
 * Notices the edits of this request and has them recorded once they are committed.
 *
 * The hooks only remember what was there before. What really happened is in the journal, which the triggers write in the edit's own
 * transaction: without a row there the edit was rolled back. A user's save never fails because of this class.
 */
final class Detector {

  /**
   * So many buffered entities make a long run record what it has, instead of waiting for its end.
   */
  const MANY = 200;

  /**
   * In place of a parameter: hooks of this entity name other things than rows, so every save counts.
   */
  private const ANY = '*';

  /**
   * @var array<string, array<string, string[]>>
   *   Object name => parameter => columns that it sets.
   */
  private static array $named = [];

  /**
   * @var array<string, array<int, array<string, string|null>>>
   *   Table => entity => column => raw value before the first edit of this request.
   */
  private static array $before = [];

  private static int $count = 0;

  private static bool $dirty = FALSE;

  /**
   * Changes of this request that are not in the outbox yet.
   */
  private static int $recorded = 0;

  /**
   * A shutdown function is waiting.
   */
  private static bool $scheduled = FALSE;

  /**
   * The shutdown functions are running: what is committed from now on has to be flushed at once.
   */
  private static bool $ending = FALSE;

  private static bool $flushing = FALSE;

  /**
   * While a change is applied, its own bookkeeping sees what the hooks do.
   */
  private static bool $paused = FALSE;

  /**
   * hook_civicrm_pre, called on every save of anything: what is not shared has to leave at once.
   */
  public static function pre($op, $object, $id, &$params): void {
    try {
      if (self::$paused) {
        return;
      }
      $named = self::$named[$object] ?? self::named((string) $object);
      if ($named === []) {
        return;
      }
      if ($op === 'create' || $op === 'delete') {
        self::makeRoom();
        self::$count++;
        self::changed();
        return;
      }
      $columns = is_array($params) ? array_intersect_key($named, $params) : [];
      if ($columns !== [] || isset($named[self::ANY])) {
        $type = Registry::ofObject($object);
        self::look($type->table, $type->key, (int) $id, array_unique(array_merge([], ...array_values($columns))));
      }
    }
    catch (\Throwable $e) {
      Trouble::note('record', $e);
    }
  }

  /**
   * hook_civicrm_customPre: before a row of custom fields is written.
   */
  public static function customPre($op, $groupId, $entityId, &$fields): void {
    try {
      $table = is_array($fields) && $fields !== [] ? (string) (reset($fields)['table_name'] ?? '') : '';
      if (self::$paused || $table === '' || Mode::isLog()) {
        return;
      }
      $type = Registry::ofTable($table);
      if ($type !== NULL && $type->table === $table) {
        // A record of a set that holds several is an entity of its own.
        $id = (int) (reset($fields)['id'] ?? 0);
        $id > 0 ? self::look($table, $type->key, $id, array_intersect(array_column($fields, 'column_name'), array_keys($type->columns($table)))) : self::changed();
      }
      elseif ($type !== NULL) {
        $columns = array_intersect(array_column($fields, 'column_name'), array_keys($type->columns($table)));
        self::look($table, 'entity_id', (int) $entityId, $columns);
      }
    }
    catch (\Throwable $e) {
      Trouble::note('record', $e);
    }
  }

  /**
   * hook_civicrm_custom: of what is deleted no other hook tells.
   */
  public static function custom($op, $groupId): void {
    try {
      if (!self::$paused && $op === 'delete' && Active::index() !== []) {
        self::changed();
      }
    }
    catch (\Throwable $e) {
      Trouble::note('record', $e);
    }
  }

  /**
   * hook_civicrm_alterLocationMergeData: the first that is heard of a merge in its transaction.
   */
  public static function beforeMerge($survivor, $absorbed): void {
    try {
      if (Registry::ofTable('civicrm_contact') !== NULL) {
        array_map([Db::class, 'run'], Leftover::before((int) $survivor, (int) $absorbed));
      }
    }
    catch (\Throwable $e) {
      Trouble::note('record', $e);
    }
  }

  /**
   * hook_civicrm_merge: adds to the statements of the merge, in its transaction, those that journal it.
   *
   * A row belongs to the survivor and names what is absorbed.
   */
  public static function merge($type, &$sqls, $survivor, $absorbed, $tables): void {
    try {
      // Merging two tags fires the same hook.
      if ($type !== 'sqls' || !is_array($sqls) || in_array('civicrm_tag', (array) $tables, TRUE)) {
        return;
      }
      if (Registry::ofTable('civicrm_contact') === NULL || !is_numeric($survivor) || !is_numeric($absorbed)) {
        return;
      }
      array_push($sqls, ...Leftover::after((int) $survivor, (int) $absorbed));
      $sqls[] = Triggers::note('civicrm_contact', (string) (int) $survivor, 'M', (string) (int) $absorbed);
      if (!self::$paused) {
        self::changed();
      }
    }
    catch (\Throwable $e) {
      Trouble::note('record', $e);
    }
  }

  /**
   * Records what this request has committed so far. Does nothing inside an open transaction.
   *
   * @return int
   *   Number of changes that came of it.
   */
  public static function flush(): int {
    if (!self::$dirty || self::$flushing) {
      return 0;
    }
    self::$flushing = TRUE;
    try {
      return self::record();
    }
    catch (\Throwable $e) {
      self::forget();
      Trouble::note('record', $e);
      return 0;
    }
    finally {
      self::$flushing = FALSE;
    }
  }

  /**
   * The request is over. Public for register_shutdown_function().
   *
   * Nobody is to wait for what is left to do: where the server can tell that the page has gone out, it is done after that.
   */
  public static function shutdown(): void {
    self::$scheduled = FALSE;
    self::$ending = TRUE;
    if (!AfterPage::run([self::class, 'end'])) {
      self::end(FALSE);
    }
  }

  /**
   * @param bool $pageIsOut
   *   The person has got the answer. On the command line nobody waits for one.
   */
  public static function end(bool $pageIsOut): void {
    self::flush();
    if (self::$recorded > 0 && ($pageIsOut || PHP_SAPI === 'cli')) {
      self::$recorded = 0;
      Send::atEndOfRequest($pageIsOut);
    }
  }

  /**
   * A transaction that held an edit has ended. Public for CRM_Core_Transaction::addCallback().
   */
  public static function committed(): void {
    if (self::$ending) {
      self::end(FALSE);
    }
    elseif (self::$count >= self::MANY) {
      self::flush();
    }
  }

  /**
   * Runs $work without buffering what it saves.
   *
   * @return mixed
   */
  public static function paused(callable $work) {
    $outer = self::$paused;
    self::$paused = TRUE;
    try {
      return $work();
    }
    finally {
      self::$paused = $outer;
    }
  }

  /**
   * Forgets what it knows of the types: a custom field or the like has been written.
   */
  public static function reset(): void {
    self::$named = [];
  }

  private static function record(): int {
    // Without the module or a name in the network nothing can be recorded yet; the journal keeps it for the job.
    if (!Native::available() || LocalNode::identifier() === NULL) {
      self::forget();
      return 0;
    }
    if (\CRM_Core_Transaction::isActive()) {
      self::awaitCommit();
      return 0;
    }
    $changes = Settler::forLocalEdits(self::$before)->ofThisRequest();
    if ($changes === NULL) {
      return 0;
    }
    self::forget();
    self::$recorded += $changes;
    return $changes;
  }

  private static function forget(): void {
    self::$before = [];
    self::$count = 0;
    self::$dirty = FALSE;
  }

  /**
   * One indexed SELECT for what is not yet known of this row.
   */
  private static function look(string $table, string $key, int $id, array $columns): void {
    self::makeRoom();
    $known = self::$before[$table][$id] ?? [];
    $unknown = array_values($known === [] ? $columns : array_diff($columns, array_keys($known)));
    if ($unknown !== [] && $id > 0) {
      $row = Db::rows('SELECT `' . implode('`, `', $unknown) . "` FROM `$table` WHERE `$key` = $id");
      if ($known === []) {
        self::$count++;
      }
      self::$before[$table][$id] = $known + ($row[0] ?? array_fill_keys($unknown, NULL));
    }
    self::changed();
  }

  /**
   * An edit is under way: its journal row, if it lives, has to be settled.
   */
  private static function changed(): void {
    self::$dirty = TRUE;
    if (!self::$scheduled) {
      register_shutdown_function([self::class, 'shutdown']);
      self::$scheduled = TRUE;
    }
    self::awaitCommit();
  }

  /**
   * A transaction may outlive the shutdown functions, so its end has to call back.
   */
  private static function awaitCommit(): void {
    if (\CRM_Core_Transaction::isActive()) {
      \CRM_Core_Transaction::addCallback(\CRM_Core_Transaction::PHASE_POST_COMMIT, [self::class, 'committed'], NULL, self::class);
    }
  }

  /**
   * Before the next edit is buffered, a long run records what it has.
   */
  private static function makeRoom(): void {
    if (self::$count >= self::MANY && !\CRM_Core_Transaction::isActive()) {
      self::flush();
    }
  }

  /**
   * Parameters of a save that name a shared attribute. What each save names anyhow is not among them.
   *
   * @return array<string, string[]>
   */
  private static function named(string $object): array {
    $type = Mode::isLog() ? NULL : Registry::ofObject($object);
    $named = [];
    if ($type !== NULL && $type->oddHooks) {
      return self::$named[$object] = [self::ANY => []];
    }
    foreach ($type === NULL ? [] : $type->coreAttributes() as $attribute) {
      if ($attribute->through !== NULL) {
        $named[$attribute->name] = [];
      }
      elseif (!$attribute->quiet) {
        $named[$attribute->column] = [$attribute->column];
      }
      if ($attribute->privacy) {
        // Forms send the flags as one array.
        $named['privacy'][] = $attribute->column;
      }
    }
    if (isset($named['source']) && $type->entity === 'Contact') {
      $named['contact_source'] = ['source'];
    }
    return self::$named[$object] = $named;
  }

}

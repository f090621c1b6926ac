<?php
declare(strict_types = 1);

namespace Civi\Share\Journal;

use Civi\Share\Db;
use Civi\Share\Detect\Mode;
use Civi\Share\Instance;
use Civi\Share\Native;
use Civi\Share\Settle\Settler;
use Civi\Share\Settle\States;
use Civi\Share\Type\ChangeType;
use Civi\Share\Type\Raw;
use Civi\Share\Type\Reader;
use Civi\Share\Type\Registry;

/**
 * Finds edits without triggers: what the log names as touched is compared with what was last known of it, and what differs becomes
 * rows of the journal, from where it goes on like every edit.
 *
 * Of each value a digest is kept (civicrm_share_known), so an edit that was seen already, or came from a peer, is none.
 */
final class Sieve {

  private const FACT = 'sieved:';

  /**
   * Entities that are compared at once.
   */
  const CHUNK = 200;

  const LEASE_MS = 300000;

  /**
   * Records what was edited since the last run.
   *
   * @return bool
   *   FALSE if the deadline came first; the next run goes on.
   */
  public static function run(float $deadline): bool {
    return self::leased(function () use ($deadline): bool {
      foreach (Registry::active() as $type) {
        if (!self::ofType($type, $deadline)) {
          return FALSE;
        }
      }
      return TRUE;
    });
  }

  /**
   * Compares all that is known of a type, whether or not the log names it.
   *
   * @return int
   *   How many entities were compared.
   */
  public static function compare(ChangeType $type): int {
    $compared = $after = 0;
    do {
      $ids = array_map('intval', array_column(Db::rows('SELECT entity_id FROM civicrm_share_known WHERE type = ' . Db::quote($type->name) .
        " AND entity_id > $after ORDER BY entity_id LIMIT " . self::CHUNK), 'entity_id'));
      if ($ids !== []) {
        self::record($type, array_fill_keys($ids, ['time' => NULL, 'applied' => FALSE]));
        $after = end($ids);
        $compared += count($ids);
      }
    } while (count($ids) === self::CHUNK);
    return $compared;
  }

  /**
   * Takes what shared entities hold now as known, where nothing is known yet.
   *
   * @return bool
   *   FALSE if the deadline came first; the next run goes on.
   */
  public static function learn(float $deadline): bool {
    return self::leased(function () use ($deadline): bool {
      foreach (Registry::active() as $type) {
        Instance::note(self::FACT . $type->name, (string) Log::now());
        do {
          if (microtime(TRUE) >= $deadline) {
            return FALSE;
          }
          $ids = array_map('intval', array_column(Db::rows("SELECT e.entity_id FROM civicrm_share_entity e
            INNER JOIN `$type->table` t ON t.`$type->key` = e.entity_id
            LEFT JOIN civicrm_share_known k ON k.type = " . Db::quote($type->name) . ' AND k.entity_id = e.entity_id
            WHERE e.entity_type = ' . Db::quote($type->entity) . ' AND k.entity_id IS NULL LIMIT ' . self::CHUNK), 'entity_id'));
          self::know($type, $ids);
        } while (count($ids) === self::CHUNK);
      }
      return TRUE;
    });
  }

  /**
   * The triggers have taken over.
   */
  public static function forget(): void {
    Db::run('DELETE FROM civicrm_share_known');
    Db::run("DELETE FROM civicrm_share_instance WHERE name LIKE '" . self::FACT . "%'");
  }

  /**
   * Before one of these entities is written or told by a job: writes down what was edited of it and not recorded yet. Does nothing where
   * triggers do so.
   *
   * @param int[] $ids
   */
  public static function look(ChangeType $type, array $ids): void {
    if (Mode::isLog() && $ids !== []) {
      self::compareNow($type, array_fill_keys($ids, ['time' => NULL, 'applied' => FALSE]));
    }
  }

  /**
   * After a job has written these entities: what they hold now is no edit.
   *
   * @param int[] $ids
   */
  public static function know(ChangeType $type, array $ids): void {
    if ($ids !== []) {
      self::compareNow($type, array_fill_keys($ids, ['time' => NULL, 'applied' => TRUE]));
    }
  }

  /**
   * Runs $work, which applies changes of peers: the log is told that what is written is nobody's edit.
   *
   * @return mixed
   */
  public static function applying(callable $work) {
    if (!Mode::isLog()) {
      return $work();
    }
    $request = Db::value('SELECT @uniqueID');
    Db::run('SET @uniqueID = ' . Db::quote(Log::APPLYING . bin2hex(random_bytes(4))));
    try {
      return $work();
    }
    finally {
      Db::run('SET @uniqueID = ' . Db::quote($request));
    }
  }

  private static function leased(callable $work): bool {
    if (!Native::store()->lease('sieve', self::LEASE_MS)) {
      return FALSE;
    }
    try {
      return $work();
    }
    finally {
      Native::store()->release('sieve');
    }
  }

  private static function ofType(ChangeType $type, float $deadline): bool {
    $now = Log::now();
    // A type that is shared from now on has no past.
    $since = (int) (Instance::fact(self::FACT . $type->name) ?? $now);
    $touched = self::withoutAbsorbed($type, Log::touched($type, $since - Log::OVERLAP));
    foreach (array_chunk($touched, self::CHUNK, TRUE) as $chunk) {
      if (microtime(TRUE) >= $deadline) {
        return FALSE;
      }
      self::record($type, $chunk);
    }
    Instance::note(self::FACT . $type->name, (string) $now);
    return TRUE;
  }

  /**
   * What a merge does to the entity that it ends is a part of the merge, which has a row of its own.
   */
  private static function withoutAbsorbed(ChangeType $type, array $touched): array {
    foreach (Db::rows("SELECT `columns` id FROM civicrm_share_journal WHERE operation = 'M' AND payload IS NULL AND table_name = " . Db::quote($type->table)) as $row) {
      if (isset($touched[(int) $row['id']])) {
        $touched[(int) $row['id']]['applied'] = TRUE;
      }
    }
    return $touched;
  }

  private static function record(ChangeType $type, array $touched): void {
    $rows = Db::transaction(function () {
      return NULL;
    }, function () use ($type, $touched): array {
      return self::compareNow($type, $touched);
    });
    if ($rows !== []) {
      Settler::publish(Settler::forLocalEdits()->matching('j.id IN (' . implode(',', $rows) . ')'));
    }
  }

  /**
   * @param array<int, array{time: int|null, applied: bool}> $touched
   *
   * @return int[]
   *   Rows of the journal.
   */
  private static function compareNow(ChangeType $type, array $touched): array {
    $ids = array_keys($touched);
    $known = self::known($type, $ids);
    $now = self::digests($type, $ids);
    $shared = array_column(States::ofEntities($type->entity, $ids), 'entity_id', 'entity_id');
    $rows = $save = [];
    foreach ($touched as $id => $how) {
      if (isset($now[$id]) && ($known[$id] ?? NULL) == $now[$id]) {
        continue;
      }
      if (isset($now[$id])) {
        $save[$id] = $now[$id];
      }
      foreach ($how['applied'] ? [] : self::edits($type, $known[$id] ?? NULL, $now[$id] ?? NULL, isset($shared[$id])) as [$table, $operation, $columns]) {
        $rows[] = Journal::add($table, $id, $operation, NULL, $columns, $how['time']);
      }
    }
    self::save($type, $save);
    self::drop($type, array_keys(array_diff_key($touched, $now)));
    return $rows;
  }

  /**
   * @return array[]
   *   [table, operation, columns], as rows of the journal have them.
   */
  private static function edits(ChangeType $type, ?array $known, ?array $now, bool $shared): array {
    if ($now === NULL) {
      return $known !== NULL || $shared ? [[$type->table, 'D', '']] : [];
    }
    if ($known === NULL) {
      // It was never looked at: whoever does not know it is told the whole.
      return [[$type->table, 'U', '']];
    }
    $changed = array_keys(array_diff_assoc($known, $now) + array_diff_assoc($now, $known));
    $tables = [];
    foreach (array_intersect_key((new Raw($type, [], NULL))->attributes(), array_flip($changed)) as $attribute) {
      $tables[$attribute->table][] = $attribute->column;
    }
    $edits = [];
    foreach ($tables as $table => $columns) {
      $edits[] = [$table, 'U', implode(',', $columns)];
    }
    return $edits;
  }

  /**
   * @return array<int, array<string, string>>
   *   Entity => key of the raw row => digest; empty values have none.
   */
  private static function digests(ChangeType $type, array $ids): array {
    $raw = Reader::raw($type, $ids);
    $attributes = $raw->attributes();
    $digests = [];
    foreach ($raw->rows as $id => $row) {
      $digests[$id] = [];
      foreach (array_intersect_key($row, $attributes) as $key => $value) {
        if ($value !== NULL && $value !== '' && $value !== []) {
          $digests[$id][$key] = substr(md5(is_array($value) ? implode(',', $value) : (string) $value), 0, 16);
        }
      }
    }
    return $digests;
  }

  private static function known(ChangeType $type, array $ids): array {
    $known = [];
    foreach (Db::rows('SELECT entity_id, digest FROM civicrm_share_known WHERE type = ' . Db::quote($type->name) . ' AND entity_id IN (' . implode(',', $ids) . ') FOR UPDATE') as $row) {
      $known[(int) $row['entity_id']] = (array) json_decode($row['digest'], TRUE);
    }
    return $known;
  }

  private static function save(ChangeType $type, array $digests): void {
    $rows = [];
    foreach ($digests as $id => $digest) {
      $rows[] = '(' . Db::quote($type->name) . ", $id, " . Db::quote(json_encode($digest, JSON_THROW_ON_ERROR)) . ')';
    }
    if ($rows !== []) {
      Db::run('INSERT INTO civicrm_share_known (type, entity_id, digest) VALUES ' . implode(', ', $rows) . ' ON DUPLICATE KEY UPDATE digest = VALUES(digest)');
    }
  }

  private static function drop(ChangeType $type, array $ids): void {
    if ($ids !== []) {
      Db::run('DELETE FROM civicrm_share_known WHERE type = ' . Db::quote($type->name) . ' AND entity_id IN (' . implode(',', $ids) . ')');
    }
  }

}

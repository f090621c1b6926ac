<?php
declare(strict_types = 1);

namespace Civi\Share\Settle;

use Civi\Share\Db;
use Civi\Share\DbException;

/**
 * What is kept of each shared entity beside its data: its state, which only the core can read, and its UIDs.
 */
final class States {

  private const COLUMNS = 'e.id, e.entity_type, e.entity_id, e.uid, e.state';

  /**
   * Locks states and reads them.
   *
   * @param int[] $ids
   *
   * @return array[]
   *   ['id', 'entity_type', 'entity_id', 'uid', 'state']
   */
  public static function lock(array $ids): array {
    if ($ids === []) {
      return [];
    }
    return Db::rows('SELECT ' . self::COLUMNS . ' FROM civicrm_share_entity e WHERE e.id IN (' . implode(',', $ids) . ') ORDER BY e.id FOR UPDATE');
  }

  /**
   * The state of one entity, without a lock.
   */
  public static function ofEntity(string $entity, int $id): ?array {
    return self::ofEntities($entity, [$id])[0] ?? NULL;
  }

  /**
   * @param int[] $ids
   *
   * @return array[]
   */
  public static function ofEntities(string $entity, array $ids): array {
    return Db::rows('SELECT ' . self::COLUMNS . ' FROM civicrm_share_entity e
      WHERE e.entity_type = ' . Db::quote($entity) . ' AND e.entity_id IN (' . implode(',', $ids) . ')');
  }

  /**
   * The entities that UIDs name, without a lock.
   *
   * @param string[] $uids
   *
   * @return array<string, array>
   *   UID => state.
   */
  public static function ofUids(array $uids): array {
    if ($uids === []) {
      return [];
    }
    $rows = Db::rows('SELECT u.uid named, ' . self::COLUMNS . ' FROM civicrm_share_uid u
      INNER JOIN civicrm_share_entity e ON e.id = u.share_entity_id WHERE u.uid IN (' . Db::quoteAll($uids) . ')');
    return array_column($rows, NULL, 'named');
  }

  /**
   * Writes many states at once.
   *
   * @param array[] $states
   *   Each ['id' => int|null, 'entity_type', 'entity_id' => int|null, 'uid', 'state', 'uids' => string[]|null if unchanged].
   */
  public static function save(array $states): void {
    $known = $new = $learnt = [];
    foreach ($states as $state) {
      if ($state['id'] === NULL) {
        $new[] = self::row($state);
      }
      else {
        $known[] = self::row($state);
      }
      if ($state['uids'] !== NULL) {
        $learnt[$state['uid']] = $state['uids'];
      }
    }
    foreach ([$new, $known] as $rows) {
      if ($rows !== []) {
        // The duplicate that may be is the row itself; a new row must meet none, its id is NULL.
        $update = $rows === $known ? ' ON DUPLICATE KEY UPDATE entity_id = VALUES(entity_id), state = VALUES(state)' : '';
        Db::run('INSERT INTO civicrm_share_entity (id, entity_type, entity_id, uid, state) VALUES ' . implode(', ', $rows) . $update);
      }
    }
    self::learn($learnt);
  }

  /**
   * Writes a state that was made from another one, which must still be there.
   *
   * @throws \Civi\Share\DbException
   *   With code CHANGED if it is not.
   */
  public static function replace(int $id, string $before, string $after): void {
    $written = Db::run('UPDATE civicrm_share_entity SET state = ' . Db::quote($after) . " WHERE id = $id AND state = " . Db::quote($before));
    if ($written !== 1) {
      throw new DbException('Another process has written the same state.', DbException::CHANGED);
    }
  }

  /**
   * An entity that another one has absorbed keeps no state of its own.
   */
  public static function delete(int $id): void {
    Db::run("DELETE FROM civicrm_share_entity WHERE id = $id");
  }

  private static function row(array $state): string {
    return '(' . ($state['id'] === NULL ? 'NULL' : (int) $state['id']) . ', ' . Db::quote($state['entity_type']) . ', ' .
      ($state['entity_id'] === NULL ? 'NULL' : (int) $state['entity_id']) . ', ' . Db::quote($state['uid']) . ', ' . Db::quote($state['state']) . ')';
  }

  /**
   * A UID names one entity: after a merge those of the absorbed one name the survivor.
   *
   * @param array<string, string[]> $learnt
   *   Own UID => all UIDs.
   */
  private static function learn(array $learnt): void {
    if ($learnt === []) {
      return;
    }
    $rows = [];
    $known = Db::rows('SELECT id, uid FROM civicrm_share_entity WHERE uid IN (' . Db::quoteAll(array_map('strval', array_keys($learnt))) . ')');
    foreach ($known as $state) {
      foreach ($learnt[$state['uid']] as $uid) {
        $rows[] = '(' . Db::quote($uid) . ', ' . $state['id'] . ')';
      }
    }
    Db::run('INSERT INTO civicrm_share_uid (uid, share_entity_id) VALUES ' . implode(', ', $rows) . ' ON DUPLICATE KEY UPDATE share_entity_id = VALUES(share_entity_id)');
  }

}

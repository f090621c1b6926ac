<?php
declare(strict_types = 1);

namespace Civi\Share\Apply;

use Civi\Share\Db;

/**
 * References whose target has not arrived: the rest of the entity is there, and the reference follows when its target does.
 *
 * One row for each missing UID; of a list of references, each row holds the whole list as it was received.
 */
final class Waiting {

  /**
   * Does anything wait at all? Mostly not, and then nobody asks.
   */
  private static ?bool $any = NULL;

  /**
   * @param int[] $ids
   *
   * @return array<int, array<string, string|string[]>>
   *   Entity => attribute => value as received.
   */
  public static function of(string $entity, array $ids): array {
    if ($ids === [] || !self::any()) {
      return [];
    }
    $values = [];
    foreach (Db::rows('SELECT entity_id, attribute, value FROM civicrm_share_waiting WHERE entity_type = ' . Db::quote($entity) .
      ' AND entity_id IN (' . implode(',', array_map('intval', $ids)) . ')') as $row) {
      $values[(int) $row['entity_id']][$row['attribute']] = json_decode($row['value'], TRUE);
    }
    return $values;
  }

  /**
   * @param string[] $uids
   *   Those that are not known here.
   * @param string|string[] $value
   *   The value as received.
   */
  public static function put(string $entity, int $id, string $attribute, array $uids, $value): void {
    self::forget($entity, $id, [$attribute]);
    $rows = [];
    foreach ($uids as $uid) {
      $rows[] = '(' . Db::quote($entity) . ", $id, " . Db::quoteAll([$attribute, $uid, json_encode($value, JSON_THROW_ON_ERROR)]) . ')';
    }
    Db::run('INSERT IGNORE INTO civicrm_share_waiting (entity_type, entity_id, attribute, uid, value) VALUES ' . implode(', ', $rows));
    self::$any = TRUE;
  }

  /**
   * The attributes have got another value.
   *
   * @param string[] $attributes
   */
  public static function forget(string $entity, int $id, array $attributes): void {
    if ($attributes !== [] && self::any()) {
      Db::run('DELETE FROM civicrm_share_waiting WHERE entity_type = ' . Db::quote($entity) . " AND entity_id = $id AND attribute IN (" . Db::quoteAll($attributes) . ')');
    }
  }

  /**
   * Takes out what waits for one of these UIDs.
   *
   * @param string[] $uids
   *
   * @return array[]
   *   ['entity_type', 'entity_id', 'attribute', 'value' as received]
   */
  public static function take(array $uids): array {
    if ($uids === [] || !self::any()) {
      return [];
    }
    $taken = [];
    foreach (Db::rows('SELECT id, entity_type, entity_id, attribute, value FROM civicrm_share_waiting WHERE uid IN (' . Db::quoteAll($uids) . ')') as $row) {
      Db::run('DELETE FROM civicrm_share_waiting WHERE id = ' . (int) $row['id']);
      $taken[$row['entity_type'] . ':' . $row['entity_id'] . ':' . $row['attribute']] = ['value' => json_decode($row['value'], TRUE), 'entity_id' => (int) $row['entity_id']] + $row;
    }
    return array_values($taken);
  }

  /**
   * Another process may have begun to wait: asked anew for each batch.
   */
  public static function flush(): void {
    self::$any = NULL;
  }

  private static function any(): bool {
    return self::$any ??= Db::value('SELECT 1 FROM civicrm_share_waiting LIMIT 1') === '1';
  }

}

<?php
declare(strict_types = 1);

namespace Civi\Share\Resync;

use Civi\Share\Db;
use Civi\Share\Peering;
use Civi\Share\Type\Registry;
use CiviShare\Core;

/**
 * What the service "records" gives: the changes by which a resynchronisation would tell of the same entities.
 *
 * What the peering is not let is answered like what does not exist; of what is gone it learns only if it was once told of it.
 */
final class Records {

  /**
   * An answer is closed at so many bytes, like a message.
   */
  const BYTES = 1048576;

  /**
   * Entities read at once.
   */
  const CHUNK = 50;

  /**
   * @param array $ask
   *   ['type', 'uids' => string[]|null, 'after', 'limit'] as \CiviShare\Store::receive() gives it.
   *
   * @return array
   *   [texts of changes, the cursor behind which there are more or NULL]
   */
  public static function answer(Peering $peering, array $ask): array {
    $type = Registry::type($ask['type']);
    if ($type === NULL || !$peering->enabled) {
      return [[], NULL];
    }
    $texts = [];
    $bytes = 0;
    $push = new Push($peering, Core::newUid(), $type->name);
    $rows = $ask['uids'] === NULL ? self::behind($type->entity, (int) $ask['after'], (int) $ask['limit']) : self::named($type->entity, $ask['uids']);
    foreach (array_chunk($rows, self::CHUNK) as $chunk) {
      $known = array_values(array_filter($chunk, function (array $row) use ($peering): bool {
        return $row['entity_id'] !== NULL || !Core::wants($row['state'], [$peering->id]);
      }));
      foreach ($known === [] ? [] : $push->changes($known) as $change) {
        $texts[] = $change['text'];
        $bytes += strlen($change['text']);
      }
      if ($bytes >= self::BYTES && $chunk !== array_slice($rows, -count($chunk))) {
        return [$texts, (string) end($chunk)['id']];
      }
    }
    // A full page may be the last one; the next question tells.
    return [$texts, $ask['uids'] === NULL && $rows !== [] && count($rows) === (int) $ask['limit'] ? (string) end($rows)['id'] : NULL];
  }

  private static function behind(string $entity, int $after, int $limit): array {
    return Db::rows('SELECT id, entity_type, entity_id, IF(entity_id IS NULL, state, NULL) state FROM civicrm_share_entity
      WHERE entity_type = ' . Db::quote($entity) . " AND id > $after ORDER BY id LIMIT $limit");
  }

  /**
   * @param string[] $uids
   */
  private static function named(string $entity, array $uids): array {
    return $uids === [] ? [] : Db::rows('SELECT DISTINCT e.id, e.entity_type, e.entity_id, IF(e.entity_id IS NULL, e.state, NULL) state
      FROM civicrm_share_uid u INNER JOIN civicrm_share_entity e ON e.id = u.share_entity_id
      WHERE u.uid IN (' . Db::quoteAll($uids) . ') AND e.entity_type = ' . Db::quote($entity) . ' ORDER BY e.id');
  }

}

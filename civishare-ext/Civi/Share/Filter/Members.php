<?php
declare(strict_types = 1);

namespace Civi\Share\Filter;

use Civi\Share\Db;
use Civi\Share\Peering;
use Civi\Share\Type\ChangeType;

/**
 * Which of some entities fit a filter, by the data as they are: one query for groups, tags and contact types, one call of API v4 for a
 * condition.
 *
 * What a group is made of that CiviCRM computes (a smart group, a group of groups) is asked for by the job alone; between its runs what
 * it found last counts.
 */
final class Members {

  /**
   * @param int[] $ids
   *
   * @return int[]
   */
  public static function fitting(Peering $peering, ChangeType $type, Filter $filter, array $ids): array {
    $computed = ComputedGroups::of($filter);
    $known = $computed !== NULL && Sweep::isComplete($peering, $type->name, $filter)
      ? 'EXISTS (SELECT 1 FROM civicrm_share_passed p WHERE p.peering_id = ' . $peering->id . ' AND p.entity_type = ' . Db::quote($type->entity) .
        " AND p.entity_id = e.`$type->key`)"
      : $computed?->refresh()->sql("e.`$type->key`");
    return self::narrow($type, $filter, $ids, $known);
  }

  /**
   * The same with computed groups as they are now.
   *
   * @param int[] $ids
   *
   * @return int[]
   */
  public static function fittingNow(ChangeType $type, Filter $filter, array $ids, ?ComputedGroups $computed): array {
    return self::narrow($type, $filter, $ids, $computed?->sql("e.`$type->key`"));
  }

  /**
   * @param int[] $ids
   * @param string|null $computed
   *   Condition for who is in one of the filter's computed groups.
   */
  private static function narrow(ChangeType $type, Filter $filter, array $ids, ?string $computed): array {
    $key = "e.`$type->key`";
    $where = [];
    if ($filter->contactTypes !== []) {
      $types = ['e.contact_type IN (' . Db::quoteAll($filter->contactTypes) . ')'];
      foreach ($filter->contactTypes as $name) {
        $types[] = 'INSTR(e.contact_sub_type, ' . Db::quote("\x01$name\x01") . ') > 0';
      }
      $where[] = '(' . implode(' OR ', $types) . ')';
    }
    if ($filter->groups !== []) {
      $where[] = '(EXISTS (SELECT 1 FROM civicrm_group_contact gc INNER JOIN civicrm_group g ON g.id = gc.group_id
        WHERE gc.contact_id = ' . $key . " AND gc.status = 'Added' AND g.name IN (" . Db::quoteAll($filter->groups) . '))' .
        ($computed === NULL ? '' : " OR $computed") . ')';
    }
    if ($filter->tags !== []) {
      $where[] = 'EXISTS (SELECT 1 FROM civicrm_entity_tag et INNER JOIN civicrm_tag t ON t.id = et.tag_id
        WHERE et.entity_table = ' . Db::quote($type->table) . " AND et.entity_id = $key AND t.name IN (" . Db::quoteAll($filter->tags) . '))';
    }
    if ($where !== [] && $ids !== []) {
      $ids = array_column(Db::rows("SELECT $key id FROM `$type->table` e WHERE $key IN (" . implode(',', $ids) . ') AND ' . implode(' AND ', $where)), 'id');
    }
    return self::meeting($type, $filter->where, array_map('intval', $ids));
  }

  /**
   * @param int[] $ids
   *
   * @return int[]
   */
  private static function meeting(ChangeType $type, array $where, array $ids): array {
    if ($where === [] || $ids === []) {
      return $ids;
    }
    $found = civicrm_api4($type->entity, 'get', [
      'checkPermissions' => FALSE,
      'select' => [$type->key],
      // Naming the entities also keeps API v4 from leaving out those in the trash, and tests.
      'where' => array_merge([[$type->key, 'IN', $ids]], $where),
    ]);
    return array_values(array_unique(array_map('intval', array_column($found->getArrayCopy(), $type->key))));
  }

}

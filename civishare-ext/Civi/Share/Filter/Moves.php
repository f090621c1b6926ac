<?php
declare(strict_types = 1);

namespace Civi\Share\Filter;

use Civi\Share\Db;
use Civi\Share\Journal\Journal;
use Civi\Share\Peering;
use Civi\Share\Type\Attribute;
use Civi\Share\Type\ChangeType;
use Civi\Share\Type\Registry;
use CiviShare\Core;

/**
 * Entities that have entered a filter or left it: what belongs to them is to be looked at again, wherever it may be.
 *
 * For that the journal gets rows with a cause of their own, which the next job settles; nobody's request waits for it.
 */
final class Moves {

  /**
   * In place of a change that caused the row. No edit: nothing is minted for it.
   */
  const CAUSE = 'filter';

  /**
   * @var array<string, int[]>
   *   Type => those to which others may belong.
   */
  private array $moved = [];

  /**
   * @var array<int, array<string, array<int, bool>>>
   *   Peering with a filter of its own for the type => entity type => entity => is it in?
   */
  private array $passed = [];

  /**
   * @param string|null $before
   *   The entity's state before it was told where it may go.
   * @param bool $isNew
   *   Then nothing can belong to it that has been looked at already.
   */
  public function note(ChangeType $type, int $id, Pass $pass, ?string $before, bool $isNew = FALSE): void {
    $entered = array_filter($pass->filtered, function (int $peering) use ($before): bool {
      return Core::wants($before, [$peering]);
    });
    $left = $before === NULL ? [] : array_filter($pass->outside, function (int $peering) use ($before): bool {
      return !Core::wants($before, [$peering]);
    });
    if (($entered !== [] && !$isNew) || $left !== []) {
      $this->moved[$type->name][] = $id;
    }
    foreach ([[$entered, TRUE], [$left, FALSE]] as [$peerings, $isIn]) {
      foreach ($peerings as $peering) {
        if (isset(Peering::byId($peering)->filters[$type->name])) {
          $this->passed[$peering][$type->entity][$id] = $isIn;
        }
      }
    }
  }

  public function isEmpty(): bool {
    return $this->moved === [] && $this->passed === [];
  }

  /**
   * To be called in the transaction that writes the states.
   */
  public function write(): void {
    foreach ($this->passed as $peering => $entities) {
      foreach ($entities as $entity => $ids) {
        self::pass($peering, $entity, array_keys(array_filter($ids)));
        self::forget($peering, $entity, array_keys($ids, FALSE, TRUE));
      }
    }
    foreach ($this->moved as $name => $ids) {
      self::touchFollowers(Registry::type($name), array_unique($ids));
    }
    $this->moved = $this->passed = [];
  }

  /**
   * Has entities looked at again.
   *
   * @param int[] $ids
   */
  public static function touch(ChangeType $type, array $ids): void {
    if ($ids !== []) {
      self::insert($type->table, "SELECT `$type->key` id FROM `$type->table` WHERE `$type->key` IN (" . implode(',', $ids) . ')');
    }
  }

  /**
   * They were found to fit.
   *
   * @param int[] $ids
   */
  public static function pass(int $peering, string $entity, array $ids): void {
    $rows = array_map(function (int $id) use ($peering, $entity): string {
      return "($peering, " . Db::quote($entity) . ", $id)";
    }, $ids);
    if ($rows !== []) {
      Db::run('INSERT IGNORE INTO civicrm_share_passed (peering_id, entity_type, entity_id) VALUES ' . implode(', ', $rows));
    }
  }

  /**
   * They no longer fit.
   *
   * @param int[] $ids
   */
  public static function forget(int $peering, string $entity, array $ids): void {
    if ($ids !== []) {
      Db::run("DELETE FROM civicrm_share_passed WHERE peering_id = $peering AND entity_type = " . Db::quote($entity) . ' AND entity_id IN (' . implode(',', $ids) . ')');
    }
  }

  /**
   * @param int[] $ids
   */
  private static function touchFollowers(ChangeType $type, array $ids): void {
    foreach (Registry::active() as $follower) {
      if (Peering::lettingOut($follower->name) === []) {
        continue;
      }
      foreach (Reach::holds($follower) + $follower->about() as $attribute) {
        $select = self::followers($follower, $attribute, $type, implode(',', $ids));
        if ($select !== NULL) {
          self::insert($follower->table, $select);
        }
      }
    }
  }

  private static function followers(ChangeType $follower, Attribute $attribute, ChangeType $type, string $ids): ?string {
    if ($attribute->refers !== NULL && $attribute->refers !== $type->entity) {
      return NULL;
    }
    if ($attribute->through !== NULL) {
      return 'SELECT DISTINCT owner id FROM (' . Gate::listSql($attribute) . " AND `{$attribute->through['column']}` IN ($ids)) l";
    }
    $select = "SELECT `$follower->key` id FROM `$follower->table` WHERE `$attribute->column` IN ($ids)";
    if ($attribute->by === NULL) {
      return $select;
    }
    // Where an option stands in place of the table, it is too many rather than too few.
    return $attribute->targets === NULL ? $select . " AND `$attribute->by` = " . Db::quote($type->table) : $select;
  }

  /**
   * Rows of nobody's connection: whoever settles next what was left behind takes them.
   */
  private static function insert(string $table, string $select): void {
    Db::run('INSERT INTO civicrm_share_journal (table_name, entity_id, operation, `columns`, time_ms, request, connection_id, cause)
      SELECT ' . Db::quote($table) . ", s.id, 'U', '', " . Journal::NOW . ', NULL, 0, ' . Db::quote(self::CAUSE) . " FROM ($select) s");
  }

}

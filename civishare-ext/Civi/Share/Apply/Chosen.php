<?php
declare(strict_types = 1);

namespace Civi\Share\Apply;

use Civi\Share\Db;
use Civi\Share\Type\Attribute;
use Civi\Share\Type\ChangeType;
use CiviShare\Core;

/**
 * Of several rows of one parent CiviCRM keeps one chosen: a contact has one primary email address. Which one has to come out the same
 * on every site, whatever order the rows arrive in.
 *
 * Only being chosen is told and has a version, so the row with the latest one is it. Where CiviCRM lets there be none, as of billing
 * addresses in later releases, each row is first written as it was told (Writer), and of several that then have it the latest keeps it.
 * Looked at once for each parent that a batch has touched, at its end.
 */
final class Chosen {

  /**
   * @var array<string, array{type: ChangeType, parents: array<int, int>}>
   *   By type.
   */
  private static array $touched = [];

  public static function begin(): void {
    self::$touched = [];
  }

  /**
   * A row of this parent was written or deleted.
   */
  public static function later(ChangeType $type, int $parent): void {
    self::$touched[$type->name] ??= ['type' => $type, 'parents' => []];
    self::$touched[$type->name]['parents'][$parent] = $parent;
  }

  /**
   * Puts right where CiviCRM has chosen another one. Inside the batch's transaction.
   */
  public static function compute(): void {
    foreach (self::$touched as ['type' => $type, 'parents' => $parents]) {
      foreach ($type->choices() as $attribute) {
        self::choose($type, $attribute, $parents);
      }
      foreach ($type->singles() as $attribute) {
        self::thin($type, $attribute, $parents);
      }
    }
    self::$touched = [];
  }

  /**
   * @param int[] $parents
   */
  private static function choose(ChangeType $type, Attribute $attribute, array $parents): void {
    $states = $chosen = [];
    foreach (self::rows($type, $attribute, $parents) as $row) {
      $states[(int) $row['parent']][(int) $row['id']] = (string) $row['state'];
      $chosen[(int) $row['id']] = (bool) $row['chosen'];
    }
    foreach ($states as $ofParent) {
      $latest = Core::latest($ofParent, $attribute->name);
      // One that has come to this parent from another one may have been that one's choice.
      if ($latest !== NULL && array_keys(array_filter(array_intersect_key($chosen, $ofParent))) !== [$latest]) {
        (new Writer($type))->update($latest, [$attribute->name => TRUE]);
      }
    }
  }

  /**
   * @param int[] $parents
   */
  private static function thin(ChangeType $type, Attribute $attribute, array $parents): void {
    $states = [];
    foreach (self::rows($type, $attribute, $parents, "AND t.`$attribute->column` = 1") as $row) {
      $states[(int) $row['parent']][(int) $row['id']] = (string) $row['state'];
    }
    foreach ($states as $ofParent) {
      $latest = count($ofParent) > 1 ? Core::latest($ofParent, $attribute->name) : NULL;
      if ($latest !== NULL) {
        unset($ofParent[$latest]);
        Db::run("UPDATE `$type->table` SET `$attribute->column` = 0 WHERE `$type->key` IN (" . implode(',', array_keys($ofParent)) . ')');
      }
    }
  }

  /**
   * @param int[] $parents
   *
   * @return array[]
   *   Rows of theirs that are shared: id, parent, whether it has it, state.
   */
  private static function rows(ChangeType $type, Attribute $attribute, array $parents, string $and = ''): array {
    $parent = $type->parent();
    return Db::rows("SELECT t.`$type->key` id, t.`$parent->column` parent, t.`$attribute->column` chosen, e.state FROM `$type->table` t
      INNER JOIN civicrm_share_entity e ON e.entity_type = " . Db::quote($type->entity) . " AND e.entity_id = t.`$type->key`
      WHERE t.`$parent->column` IN (" . implode(',', $parents) . ") $and");
  }

}

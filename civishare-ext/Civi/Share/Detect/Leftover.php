<?php
declare(strict_types = 1);

namespace Civi\Share\Detect;

use Civi\Share\Journal\Triggers;
use Civi\Share\Type\Attribute;
use Civi\Share\Type\ChangeType;
use Civi\Share\Type\Registry;

/**
 * What a merge makes one besides the two contacts, as statements that journal it in the merge's own transaction: of two email addresses of
 * the same location type one stays behind with the absorbed contact, of two rows that put them into the same group one is deleted.
 *
 * The peers decide nothing of the kind: what they find left with the absorbed contact they move to the survivor (Writer), for all that they
 * know it was made by somebody who had not heard of the merge. So whoever merges tells what is one from now on. Were the other one told to
 * be deleted, opposite merges on two sites would leave neither.
 */
final class Leftover {

  /**
   * To be run before CiviCRM moves and deletes anything.
   *
   * @return string[]
   */
  public static function before(int $survivor, int $absorbed): array {
    $statements = [];
    foreach (Registry::active() as $type) {
      foreach ($type->twins as $owner => $columns) {
        $statements[] = self::one($type, $owner, $columns, $survivor, $absorbed);
      }
    }
    return $statements;
  }

  /**
   * To be run when CiviCRM has moved addresses and the like.
   *
   * @return string[]
   */
  public static function after(int $survivor, int $absorbed): array {
    $statements = [];
    foreach (Registry::active() as $type) {
      if ($type->slot !== []) {
        array_push($statements, ...self::chosen($type, $survivor));
        $statements[] = self::one($type, 'contact_id', $type->slot, $survivor, $absorbed);
      }
    }
    return $statements;
  }

  /**
   * The survivor's primary one stays so, whoever was made another one's primary last.
   *
   * @return string[]
   */
  private static function chosen(ChangeType $type, int $survivor): array {
    return array_map(function (Attribute $attribute) use ($type, $survivor): string {
      return Triggers::note($type->table, "t.`$type->key`", 'U', "'$attribute->column'", "FROM `$type->table` t
        WHERE t.contact_id = $survivor AND t.`$attribute->column` = 1");
    }, array_values($type->choices()));
  }

  /**
   * Each row of the absorbed contact is one with that of the survivor that has the same values in some columns; of several, with the one
   * that it resembles most.
   *
   * @param string $owner
   *   The column that refers to the contact.
   * @param string[] $columns
   */
  private static function one(ChangeType $type, string $owner, array $columns, int $survivor, int $absorbed): string {
    $same = function (string $column): string {
      return "(s.`$column` <=> t.`$column`)";
    };
    $attributes = $type->columns($type->table);
    $alike = array_keys(array_filter($attributes, function (Attribute $attribute): bool {
      return !$attribute->isReference();
    }));
    $by = $attributes[$owner]->by === NULL ? '' : " AND t.`{$attributes[$owner]->by}` = 'civicrm_contact'";
    return Triggers::note($type->table, 'l.kept', 'M', 'l.id', "FROM (
      SELECT t.`$type->key` id, (
        SELECT s.`$type->key` FROM `$type->table` s WHERE s.`$owner` = $survivor AND " . implode(' AND ', array_map($same, $columns)) . '
        ORDER BY ' . implode(' + ', array_map($same, $alike)) . " DESC, s.`$type->key` LIMIT 1) kept
      FROM `$type->table` t WHERE t.`$owner` = $absorbed$by) l WHERE l.kept IS NOT NULL");
  }

}

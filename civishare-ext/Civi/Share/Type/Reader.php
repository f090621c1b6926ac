<?php
declare(strict_types = 1);

namespace Civi\Share\Type;

use Civi\Share\Db;

/**
 * Reads what entities hold now, in the form of the wire: one SELECT a table, however many entities.
 */
final class Reader {

  /**
   * @param int[] $ids
   * @param string[]|null $names
   *   Attributes, NULL for all.
   *
   * @return array<int, array<string, mixed>>
   *   Entity => attribute => value. Entities that do not exist are left out.
   */
  public static function read(ChangeType $type, array $ids, ?array $names = NULL): array {
    $raw = self::raw($type, $ids, $names);
    $references = new References();
    $references->meet($raw->attributes(), $raw->rows);
    return $raw->values($references);
  }

  /**
   * The same as the database has it; what is referred to by UIDs is not looked up yet.
   *
   * @param int[] $ids
   * @param string[]|null $names
   */
  public static function raw(ChangeType $type, array $ids, ?array $names = NULL): Raw {
    if ($ids === []) {
      return new Raw($type, [], []);
    }
    $columns = self::columns($type, $names);
    $by = array_filter(array_column($columns[$type->table], 'by'));
    $rows = self::table($type->table, $type->key, array_unique(array_merge(array_keys($columns[$type->table]), $by)), $ids);
    foreach ($columns as $table => $attributes) {
      foreach ($attributes as $column => $attribute) {
        if ($attribute->through !== NULL) {
          $rows = self::addList($rows, $attribute);
          unset($columns[$table][$column]);
        }
      }
      if ($table !== $type->table && $columns[$table] !== []) {
        $more = self::table($table, 'entity_id', array_keys($attributes), array_keys($rows));
        foreach (array_keys($rows) as $id) {
          foreach ($attributes as $column => $attribute) {
            // No row in a custom table means that all its fields are empty.
            $rows[$id]["$table.$column"] = $more[$id][$column] ?? NULL;
          }
        }
      }
    }
    return new Raw($type, $rows, $names);
  }

  /**
   * Values of some columns of one table, references included.
   *
   * @param Attribute[] $attributes
   *   By column.
   * @param array<string, string|null> $row
   *   Raw values by column.
   *
   * @return array<string, mixed>
   */
  public static function convert(array $attributes, array $row): array {
    $references = new References();
    $references->meet($attributes, [$row]);
    return self::converted($attributes, $row, $references);
  }

  /**
   * @param Attribute[] $attributes
   *   By column.
   *
   * @return array<string, mixed>
   */
  public static function converted(array $attributes, array $row, References $references): array {
    $values = [];
    foreach ($attributes as $column => $attribute) {
      $values[$attribute->name] = $attribute->isReference()
        ? $references->toWire($attribute, $row, $row[$column] ?? NULL)
        : Values::toWire($attribute, $row[$column] ?? NULL);
    }
    return $values;
  }

  /**
   * @return array<string, array<string, Attribute>>
   *   Table => column => attribute, the entity's own table always among them: it tells which entities exist.
   */
  private static function columns(ChangeType $type, ?array $names): array {
    $columns = [$type->table => []];
    $lists = [];
    foreach (self::named($type, $names) as $attribute) {
      $columns[$attribute->table][$attribute->column] = $attribute;
      if ($attribute->options !== NULL) {
        $lists[$attribute->options] = $attribute->options;
      }
    }
    Options::prepare($lists);
    return $columns;
  }

  /**
   * @return Attribute[]
   */
  public static function named(ChangeType $type, ?array $names): array {
    if ($names === NULL) {
      return $type->attributes();
    }
    $core = $type->coreAttributes();
    $found = [];
    foreach ($names as $name) {
      $attribute = $core[$name] ?? $type->attribute($name);
      if ($attribute !== NULL) {
        $found[] = $attribute;
      }
    }
    return $found;
  }

  /**
   * @return array<int, array<string, string|null>>
   */
  private static function table(string $table, string $key, array $columns, array $ids): array {
    if ($ids === []) {
      return [];
    }
    $select = array_map(function (string $column): string {
      return ", `$column`";
    }, $columns);
    $rows = Db::rows("SELECT `$key` civishare_key" . implode('', $select) . " FROM `$table` WHERE `$key` IN (" . implode(',', array_map('intval', $ids)) . ')');
    return array_column($rows, NULL, 'civishare_key');
  }

  /**
   * Adds to each row the ids that a list of references holds.
   */
  private static function addList(array $rows, Attribute $attribute): array {
    if ($rows === []) {
      return [];
    }
    ['table' => $table, 'key' => $key, 'column' => $column, 'where' => $where] = $attribute->through;
    $condition = '';
    foreach ($where as $name => $value) {
      $condition .= " AND `$name` = " . Db::quote((string) $value);
    }
    foreach (array_keys($rows) as $id) {
      $rows[$id][$attribute->column] = [];
    }
    foreach (Db::rows("SELECT `$key` owner, `$column` target FROM `$table` WHERE `$key` IN (" . implode(',', array_keys($rows)) . ")$condition ORDER BY id") as $row) {
      $rows[(int) $row['owner']][$attribute->column][] = (int) $row['target'];
    }
    return $rows;
  }

}

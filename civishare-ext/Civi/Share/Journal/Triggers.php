<?php
declare(strict_types = 1);

namespace Civi\Share\Journal;

use Civi\Share\Db;
use Civi\Share\Detect\Mode;
use Civi\Share\Type\Active;
use Civi\Share\Type\Attribute;
use Civi\Share\Type\ChangeType;
use Civi\Share\Type\Registry;

/**
 * The triggers that write the journal, in the same transaction as the write that they note.
 *
 * CiviCRM joins the bodies of all extensions into one trigger a table, so an error in ours would make every save fail: nothing in
 * them may be able to fail. They note which shared columns changed, never a value.
 */
final class Triggers {

  /**
   * What only our bodies contain.
   */
  const MARK = 'civicrm_share_journal';

  /**
   * FALSE from drop() on: CiviCRM goes on asking the hook until the request that disables the extension is over.
   */
  private static bool $wanted = TRUE;

  private const EVENTS = ['INSERT', 'UPDATE', 'DELETE'];

  private const INTO = 'table_name, entity_id, operation, `columns`, time_ms, request, connection_id, cause';

  /**
   * hook_civicrm_triggerInfo.
   *
   * One entry a table: newer versions skip a whole entry if one of its tables is missing, older ones fail.
   *
   * @param string|null $tableName
   *   The one table that is being rebuilt: it may just have been altered, so what we know of custom fields is old.
   */
  public static function info(array &$info, ?string $tableName): void {
    if (!self::hasJournal()) {
      return;
    }
    Registry::flush();
    Active::recompute();
    if (Mode::isLog()) {
      return;
    }
    foreach (Registry::active() as $type) {
      foreach ($type->tables() as $table => $key) {
        if ($tableName === NULL || $tableName === $table) {
          self::add($info, $type, $table, $key);
        }
      }
      self::addParents($info, $type, $tableName);
    }
  }

  /**
   * Makes those that are missing, and takes away those on tables that no peering shares any more.
   */
  public static function renew(): void {
    if (!self::hasJournal()) {
      return;
    }
    $wanted = self::tables();
    $present = self::presentByTable();
    foreach (array_keys($wanted + $present) as $table) {
      $is = $present[$table] ?? [];
      $shall = $wanted[$table] ?? [];
      if (array_diff($shall, $is) !== [] || array_diff($is, $shall) !== []) {
        \Civi::service('sql_triggers')->rebuild($table, TRUE);
      }
    }
  }

  /**
   * Takes ours away, and leaves those of CiviCRM and of others on the same tables. To be called before the journal table goes.
   *
   * Ours are dropped outright first: the rebuild that follows, which puts back what the others had on these tables, need not get
   * that far.
   */
  public static function drop(): void {
    self::$wanted = FALSE;
    $present = self::present();
    foreach ($present as $trigger) {
      \Civi::service('sql_triggers')->enqueueQuery('DROP TRIGGER IF EXISTS `' . $trigger['TRIGGER_NAME'] . '`');
    }
    foreach (array_unique(array_column($present, 'EVENT_OBJECT_TABLE')) as $table) {
      \Civi::service('sql_triggers')->rebuild($table);
    }
  }

  /**
   * Lets info() answer again after drop() in the same process.
   */
  public static function arm(): void {
    self::$wanted = TRUE;
  }

  /**
   * Tables that should note their changes and do not.
   *
   * @return string[]
   *   Like "civicrm_contact (AFTER UPDATE)".
   */
  public static function missing(): array {
    $present = self::presentByTable();
    $missing = [];
    foreach (self::tables() as $table => $events) {
      foreach (array_diff($events, $present[$table] ?? []) as $event) {
        $missing[] = "$table ($event)";
      }
    }
    return $missing;
  }

  /**
   * @return array<string, string[]>
   *   Table => events that are noted.
   */
  private static function presentByTable(): array {
    $present = [];
    foreach (self::present() as $trigger) {
      $present[$trigger['EVENT_OBJECT_TABLE']][] = $trigger['ACTION_TIMING'] . ' ' . $trigger['EVENT_MANIPULATION'];
    }
    return $present;
  }

  /**
   * @return array<string, string[]>
   *   Table => events that are to be noted.
   */
  private static function tables(): array {
    $after = array_map(function (string $event): string {
      return "AFTER $event";
    }, self::EVENTS);
    $tables = [];
    if (Mode::isLog()) {
      return [];
    }
    foreach (Registry::active() as $type) {
      $tables += array_fill_keys(array_keys($type->tables()), $after);
    }
    foreach (Registry::active() as $type) {
      foreach (array_keys(self::parents($type)) as $table) {
        $tables[$table] = array_unique(array_merge($tables[$table] ?? [], ['BEFORE DELETE']));
      }
    }
    return $tables;
  }

  /**
   * hook_civicrm_alterLogTables: extended logging would copy our tables, secrets included.
   */
  public static function keepOutOfLogging(array &$logTableSpec): void {
    foreach (array_keys($logTableSpec) as $table) {
      if (strncmp($table, 'civicrm_share_', 14) === 0) {
        unset($logTableSpec[$table]);
      }
    }
  }

  private static function present(): array {
    return Db::rows("SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION FROM information_schema.TRIGGERS
      WHERE TRIGGER_SCHEMA = DATABASE() AND ACTION_STATEMENT LIKE '%" . self::MARK . "%'");
  }

  private static function hasJournal(): bool {
    return self::$wanted && Db::rows("SHOW TABLES LIKE 'civicrm\\_share\\_journal'") !== [];
  }

  /**
   * Only columns that the table has: one that is about to be dropped, or not yet there, would make the trigger fail.
   */
  private static function add(array &$info, ChangeType $type, string $table, string $key): void {
    if (Db::rows('SHOW TABLES LIKE ' . Db::quote(addcslashes($table, '_%'))) === []) {
      return;
    }
    $existing = array_column(Db::rows("SHOW COLUMNS FROM `$table`"), 'Field');
    $lists = array_filter($type->lists(), function (Attribute $attribute) use ($table): bool {
      return $attribute->table === $table;
    });
    if ($lists !== []) {
      foreach (self::listBodies($table, $key, $lists) as $event => $sql) {
        $info[] = ['table' => [$table], 'when' => 'AFTER', 'event' => [$event], 'sql' => "\n" . $sql . "\n"];
      }
      return;
    }
    $columns = array_values(array_intersect(array_keys($type->columns($table)), $existing));
    if ($columns === [] || !in_array($key, $existing, TRUE)) {
      return;
    }
    foreach (self::bodies($table, $key, $columns, $table === $type->table) as $event => $sql) {
      $info[] = ['table' => [$table], 'when' => 'AFTER', 'event' => [$event], 'sql' => "\n" . $sql . "\n"];
    }
  }

  /**
   * Foreign keys delete without firing a trigger: what goes with its parent is noted by the parent's.
   */
  private static function addParents(array &$info, ChangeType $type, ?string $tableName): void {
    foreach (self::parents($type) as $table => $columns) {
      if (($tableName !== NULL && $tableName !== $table) || Db::rows('SHOW TABLES LIKE ' . Db::quote(addcslashes($type->table, '_%'))) === [] ||
        Db::rows('SHOW TABLES LIKE ' . Db::quote(addcslashes($table, '_%'))) === []) {
        continue;
      }
      foreach ($columns as $column) {
        $sql = self::note($type->table, "c.`$type->key`", 'D', "''", "FROM `$type->table` c WHERE c.`$column` = OLD.id") . ';';
        $info[] = ['table' => [$table], 'when' => 'BEFORE', 'event' => ['DELETE'], 'sql' => "\n" . $sql . "\n"];
      }
    }
  }

  /**
   * @return array<string, string[]>
   *   Table of a parent => columns that refer to it.
   */
  private static function parents(ChangeType $type): array {
    $parents = [];
    foreach ($type->references() as $attribute) {
      $table = $attribute->parent && $attribute->refers !== NULL ? \CRM_Core_DAO_AllCoreTables::getTableForEntityName($attribute->refers) : FALSE;
      if ($table) {
        $parents[$table][] = $attribute->column;
      }
    }
    return $parents;
  }

  /**
   * @param Attribute[] $lists
   *
   * @return array<string, string>
   *   Event => body.
   */
  private static function listBodies(string $table, string $key, array $lists): array {
    $names = function (string $row) use ($lists): string {
      $parts = [];
      foreach ($lists as $attribute) {
        $conditions = ['TRUE'];
        foreach ($attribute->through['where'] as $column => $value) {
          $conditions[] = "$row.`$column` <=> " . Db::quote((string) $value);
        }
        $parts[] = 'IF(' . implode(' AND ', $conditions) . ", '$attribute->column', NULL)";
      }
      return "CONCAT_WS(',', " . implode(', ', $parts) . ')';
    };
    return [
      'INSERT' => self::noteIf($table, "NEW.`$key`", $names('NEW')),
      'UPDATE' => self::noteIf($table, "OLD.`$key`", $names('OLD')) . "\n" . self::noteIf($table, "NEW.`$key`", $names('NEW')),
      'DELETE' => self::noteIf($table, "OLD.`$key`", $names('OLD')),
    ];
  }

  /**
   * @return array<string, string>
   *   Event => body.
   */
  private static function bodies(string $table, string $key, array $columns, bool $own): array {
    if ($own) {
      return [
        'INSERT' => self::note($table, "NEW.`$key`", 'I', "''") . ';',
        'UPDATE' => self::noteIf($table, "NEW.`$key`", self::changed($columns)),
        'DELETE' => self::note($table, "OLD.`$key`", 'D', "''") . ';',
      ];
    }
    // A row of custom fields is a part of the entity: that it comes or goes is a change of its fields. Merging moves it.
    $moved = "IF NOT (OLD.`$key` <=> NEW.`$key`) THEN\n" . self::noteIf($table, "OLD.`$key`", self::filled('OLD', $columns)) .
      "\n" . self::noteIf($table, "NEW.`$key`", self::filled('NEW', $columns)) . "\nELSE\n" .
      self::noteIf($table, "NEW.`$key`", self::changed($columns)) . "\nEND IF;";
    return [
      'INSERT' => self::noteIf($table, "NEW.`$key`", self::filled('NEW', $columns)),
      'UPDATE' => $moved,
      'DELETE' => self::noteIf($table, "OLD.`$key`", self::filled('OLD', $columns)),
    ];
  }

  private static function noteIf(string $table, string $id, string $columns): string {
    return "BEGIN\nDECLARE civishare_columns LONGTEXT DEFAULT $columns;\nIF civishare_columns <> '' THEN " .
      self::note($table, $id, 'U', 'civishare_columns') . "; END IF;\nEND;";
  }

  /**
   * The statement that writes a row, or one for each row of what $from names.
   *
   * The time is taken from UTC without a look at any zone: a session's zone may have hours that come twice. What comes from
   * session variables, which anybody may set to anything, is made to fit.
   */
  public static function note(string $table, string $id, string $operation, string $columns, string $from = ''): string {
    $values = "'$table', COALESCE($id, 0), '$operation', LEFT($columns, 60000)," .
      " TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(3)) DIV 1000," .
      " LEFT(CONVERT(COALESCE(@uniqueID, '') USING ascii), 64), CONNECTION_ID()," .
      ' LEFT(CONVERT(@civishare_cause USING ascii), 191)';
    return 'INSERT INTO civicrm_share_journal (' . self::INTO . ') ' . ($from === '' ? "VALUES ($values)" : "SELECT $values $from");
  }

  /**
   * Compared byte by byte, so that carl and Carl differ, and NULL and '' as well; AFTER UPDATE fires for every row that matched.
   */
  private static function changed(array $columns): string {
    return self::joined($columns, function (string $column): string {
      return "NOT (CAST(OLD.`$column` AS BINARY) <=> CAST(NEW.`$column` AS BINARY))";
    });
  }

  private static function filled(string $row, array $columns): string {
    return self::joined($columns, function (string $column) use ($row): string {
      return "$row.`$column` IS NOT NULL";
    });
  }

  private static function joined(array $columns, callable $condition): string {
    $parts = array_map(function (string $column) use ($condition): string {
      return 'IF(' . $condition($column) . ", '$column', NULL)";
    }, $columns);
    return "CONCAT_WS(',', " . implode(', ', $parts) . ')';
  }

}

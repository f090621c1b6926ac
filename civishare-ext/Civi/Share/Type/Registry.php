<?php
declare(strict_types = 1);

namespace Civi\Share\Type;

use Civi\Share\Db;

/**
 * The change types that this site knows: one file each in types/, and those that other extensions add.
 *
 * hook_civishare_types(array &$types) gets the declarations by name and may add to them; docs/types.md says what they hold.
 */
final class Registry {

  /**
   * @var array<string, ChangeType|null>
   *   By name; NULL for one that can not be used.
   */
  private static array $types = [];

  /**
   * @var array<string, array>|null
   */
  private static ?array $declarations = NULL;

  /**
   * @var array<string, array<string, string>>|null
   *   Names of types by "object", "table" and "entity".
   */
  private static ?array $by = NULL;

  /**
   * @var array<string, string>|null
   *   Table of a custom group => name of the type.
   */
  private static ?array $customTables = NULL;

  /**
   * All that there are, shared or not.
   *
   * @return ChangeType[]
   *   By name.
   */
  public static function all(): array {
    return self::built(array_keys(self::declarations()));
  }

  /**
   * Those that a peering lets out or in.
   *
   * @return ChangeType[]
   *   By name.
   */
  public static function active(): array {
    return self::built(array_keys(Active::index()));
  }

  public static function type(string $name): ?ChangeType {
    if (!array_key_exists($name, self::$types)) {
      $declaration = self::declaration($name);
      self::$types[$name] = $declaration === NULL ? NULL : self::build($name, $declaration);
    }
    return self::$types[$name];
  }

  /**
   * The active type of an entity as hooks name it. Asked on every save of anything.
   */
  public static function ofObject(string $object): ?ChangeType {
    return self::by('object', $object);
  }

  /**
   * The active type of an entity as the API names it.
   */
  public static function ofEntity(string $entity): ?ChangeType {
    return self::by('entity', $entity);
  }

  /**
   * The active type that a table belongs to. Only for tables that are no type's own are the custom fields looked up.
   */
  public static function ofTable(string $table): ?ChangeType {
    return self::by('table', $table) ?? self::ofOtherTable($table);
  }

  /**
   * The entity whose own table this is. Where CiviCRM names the table of a set of custom fields, it speaks of what the set extends.
   */
  public static function entityOf(string $table): ?string {
    foreach (Active::index() as $type) {
      if ($type['table'] === $table && strncmp($type['entity'], 'Custom_', 7) !== 0) {
        return $type['entity'];
      }
    }
    return NULL;
  }

  /**
   * Every type as it was declared.
   *
   * @return array<string, array>
   *   By name.
   */
  public static function declarations(): array {
    if (self::$declarations === NULL) {
      $declarations = [];
      foreach (glob(self::folder() . '*.php') as $path) {
        foreach (self::ofFile($path) as $name => $declaration) {
          $declarations[$name] = $declaration + ['file' => basename($path)];
        }
      }
      $null = NULL;
      \CRM_Utils_Hook::singleton()->invoke(['types'], $declarations, $null, $null, $null, $null, $null, 'civishare_types');
      self::$declarations = $declarations;
    }
    return self::$declarations;
  }

  /**
   * Why a type can not be used on this site: a component or an extension is switched off, or this CiviCRM is too old for it.
   *
   * @return string|null
   *   What is not there.
   */
  public static function lack(array $declaration): ?string {
    if (isset($declaration['dao']) && !class_exists($declaration['dao'])) {
      return $declaration['dao'];
    }
    return Db::rows('SHOW TABLES LIKE ' . Db::quote(addcslashes($declaration['table'], '_%'))) === [] ? $declaration['table'] : NULL;
  }

  /**
   * Those that this site has all for, shared or not.
   *
   * @return ChangeType[]
   *   By name.
   */
  public static function usable(): array {
    return self::built(array_keys(array_filter(self::declarations(), function (array $declaration): bool {
      return self::lack($declaration) === NULL;
    })));
  }

  /**
   * Forgets everything: a custom field or an option has been written.
   */
  public static function flush(): void {
    self::$types = [];
    self::$declarations = self::$by = self::$customTables = NULL;
    Options::flush();
  }

  /**
   * @param string[] $names
   *
   * @return ChangeType[]
   */
  private static function built(array $names): array {
    $types = [];
    foreach ($names as $name) {
      $types[$name] = self::type((string) $name);
    }
    return array_filter($types);
  }

  /**
   * Of an active type only its own file is read.
   */
  private static function declaration(string $name): ?array {
    $file = Active::index()[$name]['file'] ?? NULL;
    if (self::$declarations === NULL && $file !== NULL && is_file(self::folder() . $file)) {
      return self::ofFile(self::folder() . $file)[$name] ?? NULL;
    }
    return self::declarations()[$name] ?? NULL;
  }

  /**
   * One type, or a file's pattern for many.
   *
   * @return array<string, array>
   */
  private static function ofFile(string $path): array {
    $declaration = require $path;
    return isset($declaration['each']) ? $declaration['each']::declarations($declaration) : [$declaration['name'] => $declaration];
  }

  private static function build(string $name, array $declaration): ?ChangeType {
    try {
      return new ChangeType($declaration);
    }
    catch (\Throwable $e) {
      \Civi::log()->error(sprintf('CiviShare: the change type %s is left out: %s', $name, $e->getMessage()));
      return NULL;
    }
  }

  private static function by(string $what, string $key): ?ChangeType {
    if (self::$by === NULL) {
      self::$by = ['object' => [], 'table' => [], 'entity' => []];
      foreach (Active::index() as $name => $type) {
        self::$by['object'] += array_fill_keys($type['objects'], $name);
        self::$by['table'] += [$type['table'] => $name];
        self::$by['entity'] += [$type['entity'] => $name];
      }
    }
    $name = self::$by[$what][$key] ?? NULL;
    return $name === NULL ? NULL : self::type($name);
  }

  private static function ofOtherTable(string $table): ?ChangeType {
    self::$customTables ??= self::customTables();
    $name = self::$customTables[$table] ?? NULL;
    return $name === NULL ? NULL : self::type($name);
  }

  /**
   * Tables of custom fields, and those that hold an entity's lists of references.
   */
  private static function customTables(): array {
    $tables = $extends = [];
    foreach (Active::index() as $name => $type) {
      $extends += array_fill_keys($type['extends'], $name);
    }
    if ($extends !== []) {
      $rows = Db::rows('SELECT table_name, extends FROM civicrm_custom_group WHERE is_active = 1 AND COALESCE(is_multiple, 0) = 0 AND extends IN (' . Db::quoteAll(array_keys($extends)) . ')');
      foreach ($rows as $row) {
        $tables[(string) $row['table_name']] = $extends[$row['extends']];
      }
    }
    foreach (self::active() as $name => $type) {
      foreach ($type->lists() as $attribute) {
        $tables[$attribute->table] = $name;
      }
    }
    return $tables;
  }

  private static function folder(): string {
    return dirname(__DIR__, 3) . '/types/';
  }

}

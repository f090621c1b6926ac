<?php
declare(strict_types = 1);

namespace Civi\Share\Type;

use Civi\Share\Db;

/**
 * Options by name: numbers differ from site to site.
 *
 * Resolved here in both directions, because API version 4 turns a name that it does not know into NULL without a word.
 */
final class Options {

  /**
   * Lists that are no option groups. Countries go by ISO 3166-1, states by country and abbreviation ("DE-BE").
   */
  const COUNTRY = '@country';
  const STATE = '@state';
  const CONTACT_TYPE = 'contact_type';
  const CUSTOM_FIELD = '@custom_field';

  /**
   * Tables whose rows are chosen by name as options are: list => [table, column of the name].
   */
  const TABLES = [
    '@location_type' => ['civicrm_location_type', 'name'],
    '@relationship_type' => ['civicrm_relationship_type', 'name_a_b'],
    '@financial_type' => ['civicrm_financial_type', 'name'],
    '@membership_type' => ['civicrm_membership_type', 'name'],
    '@membership_status' => ['civicrm_membership_status', 'name'],
    '@participant_status' => ['civicrm_participant_status_type', 'name'],
    '@case_type' => ['civicrm_case_type', 'name'],
    '@county' => ['civicrm_county', 'name'],
    '@component' => ['civicrm_component', 'name'],
  ];

  /**
   * @var array<string, array<string, string>>
   *   List => value => name.
   */
  private static array $names = [];

  /**
   * @var array<string, array<string, string>>
   *   List => name => value.
   */
  private static array $values = [];

  /**
   * Name of a stored value. One that the list does not hold stands for itself.
   */
  public static function name(string $list, string $value): string {
    return self::list($list)[$value] ?? $value;
  }

  /**
   * Stored value of a name, NULL if this site has no such option.
   */
  public static function value(string $list, string $name): ?string {
    self::list($list);
    $value = self::$values[$list][$name] ?? NULL;
    return $value === NULL ? NULL : (string) $value;
  }

  /**
   * Makes an option that this site lacks. Only where a name says all there is to say: of option groups and location types.
   *
   * @return bool
   *   FALSE if a person has to make it.
   */
  public static function make(string $list, string $name): bool {
    if ($list === '@location_type') {
      civicrm_api3('LocationType', 'create', ['name' => $name, 'display_name' => $name, 'is_active' => 1, 'check_permissions' => 0]);
    }
    elseif ($list[0] !== '@' && $list !== self::CONTACT_TYPE) {
      civicrm_api3('OptionValue', 'create', ['option_group_id' => $list, 'name' => $name, 'label' => $name, 'is_active' => 1, 'check_permissions' => 0]);
    }
    else {
      return FALSE;
    }
    self::flush();
    return TRUE;
  }

  /**
   * Is there such a list, by the name of its option group or one of others()?
   */
  public static function exists(string $list): bool {
    return in_array($list, self::others(), TRUE) || Db::value('SELECT 1 FROM civicrm_option_group WHERE name = ' . Db::quote($list)) === '1';
  }

  /**
   * Lists that are no option groups, as people name them.
   *
   * @return string[]
   */
  public static function others(): array {
    return array_map(function (string $list): string {
      return ltrim($list, '@');
    }, array_merge(array_keys(self::TABLES), [self::COUNTRY, self::STATE, self::CONTACT_TYPE]));
  }

  /**
   * Forgets what was read: an option has been written.
   */
  public static function flush(): void {
    self::$names = self::$values = [];
  }

  /**
   * Reads several option groups at once.
   *
   * @param string[] $lists
   */
  public static function prepare(array $lists): void {
    $groups = array_filter($lists, function (string $list): bool {
      return !isset(self::$names[$list]) && $list !== self::CONTACT_TYPE && $list[0] !== '@';
    });
    if ($groups === []) {
      return;
    }
    foreach ($groups as $group) {
      self::$names[$group] = self::$values[$group] = [];
    }
    $rows = Db::rows('SELECT g.name list, v.value, v.name FROM civicrm_option_value v
      INNER JOIN civicrm_option_group g ON g.id = v.option_group_id
      WHERE g.name IN (' . Db::quoteAll($groups) . ') ORDER BY v.is_active DESC, v.id');
    self::remember($rows);
  }

  /**
   * @return array<string, string>
   */
  private static function list(string $list): array {
    if (!isset(self::$names[$list])) {
      self::load($list);
    }
    return self::$names[$list];
  }

  private static function load(string $list): void {
    self::$names[$list] = self::$values[$list] = [];
    switch ($list) {
      case self::COUNTRY:
        self::remember(Db::rows("SELECT '@country' list, id value, iso_code name FROM civicrm_country"));
        break;

      case self::STATE:
        self::remember(Db::rows("SELECT '@state' list, s.id value, CONCAT(c.iso_code, '-', s.abbreviation) name
          FROM civicrm_state_province s INNER JOIN civicrm_country c ON c.id = s.country_id ORDER BY s.id"));
        break;

      case self::CUSTOM_FIELD:
        self::remember(Db::rows("SELECT '@custom_field' list, CONCAT('custom_', f.id) value, CONCAT(g.name, '.', f.name) name
          FROM civicrm_custom_field f INNER JOIN civicrm_custom_group g ON g.id = f.custom_group_id ORDER BY f.id"));
        break;

      case self::CONTACT_TYPE:
        self::remember(Db::rows("SELECT 'contact_type' list, name value, name FROM civicrm_contact_type"));
        break;

      default:
        if (isset(self::TABLES[$list])) {
          [$table, $column] = self::TABLES[$list];
          self::remember(Db::rows('SELECT ' . Db::quote($list) . " list, id value, `$column` name FROM `$table` ORDER BY id"));
          return;
        }
        unset(self::$names[$list]);
        self::prepare([$list]);
    }
  }

  /**
   * Options of custom fields may have no name, and two may have the same: the first one speaks for both.
   */
  private static function remember(array $rows): void {
    foreach ($rows as $row) {
      $name = (string) $row['name'] === '' ? (string) $row['value'] : $row['name'];
      self::$names[$row['list']][$row['value']] ??= $name;
      self::$values[$row['list']][$name] ??= $row['value'];
    }
  }

}

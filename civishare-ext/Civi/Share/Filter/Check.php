<?php
declare(strict_types = 1);

namespace Civi\Share\Filter;

use Civi\Share\Db;
use Civi\Share\Type\ChangeType;
use Civi\Share\Type\Registry;
use CRM_Share_ExtensionUtil as E;

/**
 * Can this site make sense of a filter? Asked before it is stored: one that fits nobody by mistake would let nothing out, or have
 * everything withdrawn.
 */
final class Check {

  /**
   * @throws \InvalidArgumentException
   *   If not. The message is a sentence for a person.
   */
  public static function filter(string $name, Filter $filter): void {
    $type = Registry::type($name);
    if ($type === NULL) {
      throw new \InvalidArgumentException(E::ts('%1: this site does not know the change type, so it can not be filtered.', [1 => $name]));
    }
    if ($type->entity !== 'Contact' && ($filter->groups !== [] || $filter->contactTypes !== [])) {
      throw new \InvalidArgumentException(E::ts('%1: groups and contact types filter contacts. What belongs to a contact follows it by itself.', [1 => $name]));
    }
    foreach (self::unknown($filter) as [$sentence, $names]) {
      if ($names !== []) {
        throw new \InvalidArgumentException($name . ': ' . sprintf($sentence, implode(', ', $names)));
      }
    }
    if ($filter->where !== []) {
      self::where($type, $filter->where);
    }
  }

  /**
   * What the filter names and this site does not have.
   *
   * @return array[]
   *   [a sentence with %s, names]
   */
  public static function unknown(Filter $filter): array {
    return [
      [E::ts('there is no group with the name %1.', [1 => '%s']), self::missing('civicrm_group', $filter->groups)],
      [E::ts('there is no tag with the name %1.', [1 => '%s']), self::missing('civicrm_tag', $filter->tags)],
      [E::ts('there is no contact type with the name %1.', [1 => '%s']), self::missing('civicrm_contact_type', $filter->contactTypes)],
    ];
  }

  /**
   * @param string[] $names
   *
   * @return string[]
   */
  private static function missing(string $table, array $names): array {
    $found = $names === [] ? [] : array_column(Db::rows("SELECT name FROM $table WHERE name IN (" . Db::quoteAll($names) . ')'), 'name');
    return array_values(array_udiff($names, $found, 'strcasecmp'));
  }

  private static function where(ChangeType $type, array $where): void {
    if (!class_exists('\Civi\Api4\\' . $type->entity)) {
      throw new \InvalidArgumentException(E::ts('%1: this version of CiviCRM has no API version 4 for %2, so there can be no condition.', [1 => $type->name, 2 => $type->entity]));
    }
    self::shape($type, $where);
    try {
      civicrm_api4($type->entity, 'get', ['checkPermissions' => FALSE, 'select' => ['id'], 'where' => $where, 'limit' => 1]);
    }
    catch (\Throwable $e) {
      throw new \InvalidArgumentException(E::ts('%1: CiviCRM does not take the condition: %2', [1 => $type->name, 2 => $e->getMessage()]));
    }
    self::options($type, $where);
  }

  /**
   * Conditions that API v4 would take for others, or end in the middle of.
   */
  private static function shape(ChangeType $type, array $where): void {
    foreach ($where as $condition) {
      $first = is_array($condition) ? $condition[0] ?? NULL : NULL;
      if (in_array($first, ['AND', 'OR', 'NOT'], TRUE) && is_array($condition[1] ?? NULL)) {
        self::shape($type, $condition[1]);
        continue;
      }
      $operator = is_array($condition) ? $condition[1] ?? NULL : NULL;
      $isWhole = is_string($first) && is_string($operator) && (count($condition) === 3 || in_array($operator, ['IS NULL', 'IS NOT NULL'], TRUE));
      $isList = in_array($operator, ['IN', 'NOT IN', 'BETWEEN', 'NOT BETWEEN'], TRUE);
      if (!$isWhole || (array_key_exists(2, $condition) && is_array($condition[2]) !== $isList && $operator !== 'CONTAINS')) {
        throw new \InvalidArgumentException(E::ts('%1: %2 is no condition. One looks like ["first_name", "=", "Anna"], or ["OR", [one, another]].', [1 => $type->name, 2 => json_encode($condition)]));
      }
    }
  }

  /**
   * An option that does not exist is nobody's: API v4 asks for NULL then and says nothing.
   */
  private static function options(ChangeType $type, array $where): void {
    foreach ($where as $condition) {
      if (is_array($condition[1])) {
        self::options($type, $condition[1]);
        continue;
      }
      [$field, $suffix] = explode(':', $condition[0]) + [1 => NULL];
      if ($suffix === NULL || !array_key_exists(2, $condition)) {
        continue;
      }
      $known = self::known($type, $field, $suffix);
      $missing = array_diff(array_map('strval', array_filter((array) $condition[2], 'is_scalar')), $known);
      if ($known !== [] && $missing !== []) {
        throw new \InvalidArgumentException(E::ts('%1: %2 has no option %3.', [1 => $type->name, 2 => $condition[0], 3 => implode(', ', $missing)]));
      }
    }
  }

  /**
   * @return string[]
   *   What stands under this suffix in the field's list of options; empty if that can not be told.
   */
  private static function known(ChangeType $type, string $field, string $suffix): array {
    try {
      $found = civicrm_api4($type->entity, 'getFields', ['checkPermissions' => FALSE, 'loadOptions' => ['id', 'name', 'label', 'abbr'], 'where' => [['name', '=', $field]]])->first();
      return array_map('strval', array_filter(array_column((array) ($found['options'] ?? []), $suffix), 'is_scalar'));
    }
    catch (\Throwable $e) {
      return [];
    }
  }

}

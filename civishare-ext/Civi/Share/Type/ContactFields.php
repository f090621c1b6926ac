<?php
declare(strict_types = 1);

namespace Civi\Share\Type;

use Civi\Share\Db;

/**
 * What a contact can be found by besides its own attributes: its number in another system, and its primary email, phone and address.
 *
 * Named as API version 4 names them from a contact. They travel in "identity" and nowhere else.
 */
final class ContactFields {

  private const PRIMARY = [
    'email_primary' => ['civicrm_email', ['email']],
    'phone_primary' => ['civicrm_phone', ['phone', 'phone_numeric']],
    'address_primary' => ['civicrm_address', ['street_address', 'supplemental_address_1', 'postal_code', 'city']],
  ];

  /**
   * @return string[]
   */
  public static function names(): array {
    $names = ['external_identifier'];
    foreach (self::PRIMARY as $prefix => [, $columns]) {
      foreach ($columns as $column) {
        $names[] = "$prefix.$column";
      }
    }
    return $names;
  }

  /**
   * The name under which a column of one of these tables is known.
   */
  public static function ofColumn(string $table, string $column): ?string {
    foreach (self::PRIMARY as $prefix => [$of, $columns]) {
      if ($of === $table && in_array($column, $columns, TRUE)) {
        return "$prefix.$column";
      }
    }
    return $table === 'civicrm_contact' && $column === 'external_identifier' ? $column : NULL;
  }

  /**
   * What contacts hold of these now; what is empty is left out.
   *
   * @param int[] $contacts
   * @param string[] $names
   *
   * @return array<int, array<string, string>>
   */
  public static function read(array $contacts, array $names): array {
    $values = [];
    foreach (array_intersect($names, self::names()) as $name) {
      [$table, $column, $key, $primary] = self::place($name);
      $rows = Db::rows("SELECT t.`$key` contact, t.`$column` value FROM `$table` t WHERE t.`$key` IN (" . implode(',', array_map('intval', $contacts)) . ")$primary");
      foreach ($rows as $row) {
        if ((string) $row['value'] !== '') {
          $values[(int) $row['contact']][$name] = str_replace(['&lt;', '&gt;'], ['<', '>'], $row['value']);
        }
      }
    }
    return $values;
  }

  /**
   * An SQL condition on a contact "c", or NULL if it is none of these.
   */
  public static function condition(string $name, string $value): ?string {
    if (!in_array($name, self::names(), TRUE)) {
      return NULL;
    }
    [$table, $column, $key, $primary] = self::place($name);
    $value = Db::quote(str_replace(['<', '>'], ['&lt;', '&gt;'], $value));
    return $table === 'civicrm_contact' ? "c.`$column` = $value" : "EXISTS (SELECT 1 FROM `$table` t WHERE t.`$key` = c.id$primary AND t.`$column` = $value)";
  }

  /**
   * @return string[]
   *   [table, column, column of the contact, condition]
   */
  private static function place(string $name): array {
    if ($name === 'external_identifier') {
      return ['civicrm_contact', $name, 'id', ''];
    }
    [$prefix, $column] = explode('.', $name);
    return [self::PRIMARY[$prefix][0], $column, 'contact_id', ' AND t.is_primary = 1'];
  }

}

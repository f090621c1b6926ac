<?php
declare(strict_types = 1);

namespace Civi\Share\Type;

/**
 * Sets of custom fields that hold several records: each record is an entity, and each set has a type of its own, made from the one
 * declaration in types/CustomValue.php.
 */
final class CustomRows {

  /**
   * So long may a name be that civicrm_share_entity has room for "Custom_" and it.
   */
  private const NAME_LENGTH = 57;

  private const PREFIX = 'civishare.change.custom_value.';

  /**
   * Extended by name, but no entity.
   */
  private const EXTENDED = [
    'Individual' => 'Contact',
    'Household' => 'Contact',
    'Organization' => 'Contact',
    'ParticipantRole' => 'Participant',
    'ParticipantEventName' => 'Participant',
    'ParticipantEventType' => 'Participant',
  ];

  /**
   * @param array $pattern
   *   The declaration that they have in common.
   *
   * @return array<string, array>
   *   Name of the type => declaration.
   */
  public static function declarations(array $pattern): array {
    $types = [];
    foreach (CustomFields::fields('g.is_multiple = 1') as $row) {
      $group = (string) $row['group_name'];
      if (!preg_match('/^[\x21-\x7e]{1,' . self::NAME_LENGTH . '}$/', $group)) {
        continue;
      }
      $name = self::name($group);
      // Two sets of one name, for different things, are one entity for the API as well.
      if (($types[$name]['table'] ?? $row['table_name']) === $row['table_name']) {
        $types[$name] ??= self::declaration($pattern, $name, $row);
        $spec = CustomFields::spec($row);
        if ($spec !== NULL) {
          $types[$name]['attributes'][$spec['name']] = array_diff_key($spec, ['name' => 0]);
          $types[$name]['fields'][$spec['column']] = ['id' => (int) $row['id'], 'data_type' => $row['data_type']];
        }
      }
    }
    return $types;
  }

  /**
   * Is it the name of such a type, whether or not this site has the set?
   */
  public static function isName(string $type): bool {
    return strncmp($type, self::PREFIX, strlen(self::PREFIX)) === 0;
  }

  private static function name(string $group): string {
    return self::PREFIX . strtolower(preg_replace('/[^A-Za-z0-9_]/', '_', $group));
  }

  private static function declaration(array $pattern, string $name, array $row): array {
    $declaration = [
      'name' => $name,
      'entity' => 'Custom_' . $row['group_name'],
      'table' => $row['table_name'],
      'group' => (int) $row['group_id'],
      'fields' => [],
    ] + $pattern;
    $declaration['attributes']['entity_id']['refers'] = self::EXTENDED[$row['extends']] ?? $row['extends'];
    unset($declaration['each']);
    return $declaration;
  }

}

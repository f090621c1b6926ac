<?php
declare(strict_types = 1);

namespace Civi\Share\Type;

/**
 * The custom fields of this site as attributes: those of active single-record groups. Files and other contacts are references.
 *
 * Groups with several records have a type of their own each (CustomRows).
 */
final class CustomFields {

  private const KINDS = [
    'String' => 'string',
    'Link' => 'string',
    'Memo' => 'string',
    'Int' => 'int',
    'Float' => 'decimal',
    'Money' => 'decimal',
    'Boolean' => 'bool',
    'Date' => 'date',
    'Country' => 'option',
    'StateProvince' => 'option',
    'ContactReference' => 'reference',
    'File' => 'reference',
  ];

  private const REFERS = ['ContactReference' => 'Contact', 'File' => 'File'];

  /**
   * @param string[] $extends
   *
   * @return Attribute[]
   *   By name.
   */
  public static function extending(array $extends): array {
    $attributes = [];
    $where = 'g.extends IN (' . \Civi\Share\Db::quoteAll($extends) . ') AND COALESCE(g.is_multiple, 0) = 0';
    foreach (self::fields($where) as $row) {
      $spec = self::spec($row);
      if ($spec !== NULL) {
        $name = $row['group_name'] . '.' . $spec['name'];
        $attributes[$name] = new Attribute(
          $name,
          $row['table_name'],
          $spec['column'],
          $spec['kind'],
          options: $spec['options'],
          multiple: $spec['multiple'],
          markup: $spec['markup'],
          refers: $spec['refers'],
          customField: (int) $row['id'],
          customGroup: (int) $row['group_id'],
        );
      }
    }
    return $attributes;
  }

  /**
   * Fields of active groups.
   *
   * @param string $where
   *   Condition on the group as g.
   *
   * @return array[]
   *   In the order of groups.
   */
  public static function fields(string $where): array {
    return \Civi\Share\Db::rows("
      SELECT f.id, f.name, f.column_name, f.data_type, f.html_type, f.serialize, f.time_format,
        g.id group_id, g.name group_name, g.extends, g.table_name, o.name options
      FROM civicrm_custom_field f
      INNER JOIN civicrm_custom_group g ON g.id = f.custom_group_id
      LEFT JOIN civicrm_option_group o ON o.id = f.option_group_id
      WHERE $where AND g.is_active = 1 AND f.is_active = 1
        AND f.name IS NOT NULL AND g.name IS NOT NULL AND g.table_name IS NOT NULL AND f.column_name IS NOT NULL
      ORDER BY g.id, f.id");
  }

  /**
   * A field as a declaration has it.
   *
   * @return array|null
   *   ['name', 'kind', 'column', 'options', 'multiple', 'markup', 'refers']; NULL for one that can not travel.
   */
  public static function spec(array $row): ?array {
    $kind = self::KINDS[$row['data_type']] ?? NULL;
    $multiple = (int) $row['serialize'] > 0 || strpos($row['html_type'], 'Multi-Select') !== FALSE || ($row['html_type'] === 'CheckBox' && $row['data_type'] !== 'Boolean');
    if ($kind === NULL || ($kind === 'reference' && $multiple)) {
      return NULL;
    }
    [$kind, $options, $suffix] = self::meaning($row, $kind);
    return [
      'name' => $row['name'] . $suffix,
      'kind' => $kind,
      'column' => $row['column_name'],
      'options' => $options,
      'multiple' => $multiple,
      'markup' => $row['html_type'] === 'RichTextEditor',
      'refers' => $kind === 'reference' ? self::REFERS[$row['data_type']] : NULL,
    ];
  }

  /**
   * @return array
   *   [kind, options, suffix of the name]
   */
  private static function meaning(array $row, string $kind): array {
    if ($row['data_type'] === 'Country') {
      return ['option', Options::COUNTRY, ':abbr'];
    }
    if ($row['data_type'] === 'StateProvince') {
      return ['option', Options::STATE, ':abbr'];
    }
    if ($row['options'] !== NULL && $kind !== 'reference') {
      return ['option', $row['options'], ':name'];
    }
    if ($kind === 'date' && (int) $row['time_format'] > 0) {
      return ['time', NULL, ''];
    }
    return [$kind, NULL, ''];
  }

}

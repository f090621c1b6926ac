<?php
declare(strict_types = 1);

namespace Civi\Share\Apply;

use Civi\Share\Type\ChangeType;

/**
 * Writes rows through CiviCRM's data access objects, hooks included: where no API has the entity, or where it does more than write
 * it, such as open a case or work out a schedule, which has been done where the entity was made.
 */
final class DaoWriter implements Writes {

  public function __construct(private readonly ChangeType $type) {
  }

  public function create(array $values): int {
    return $this->save($values);
  }

  public function update(int $id, array $values): void {
    $this->save(['id' => $id] + $values);
  }

  public function delete(int $id): void {
    $this->type->dao::deleteRecord(['id' => $id]);
  }

  private function save(array $values): int {
    $custom = array_filter($values, function (string $name): bool {
      return strncmp($name, 'custom_', 7) === 0;
    }, ARRAY_FILTER_USE_KEY);
    $record = array_map([self::class, 'raw'], array_diff_key($values, $custom));
    $id = (int) $this->type->dao::writeRecord($record)->id;
    if ($custom !== []) {
      $params = ['entityID' => $id] + $custom;
      \CRM_Core_BAO_CustomValueTable::setValues($params);
    }
    return $id;
  }

  /**
   * This word is what a DAO writes as NULL.
   *
   * @return mixed
   */
  private static function raw($value) {
    return is_array($value) ? implode(\CRM_Core_DAO::VALUE_SEPARATOR, $value) : $value ?? 'null';
  }

}

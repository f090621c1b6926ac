<?php
declare(strict_types = 1);

namespace Civi\Share\Apply;

use Civi\Share\Db;
use Civi\Share\Type\ChangeType;

/**
 * Writes records of a set of custom fields that holds several, as CiviCRM's forms and both versions of its API do in the end.
 *
 * Version 4 of 5.33 overlooks NULL there, stores angle brackets of rich text as entities, and guesses the new record's id.
 */
final class CustomRowWriter implements Writes {

  public function __construct(private readonly ChangeType $type) {
  }

  public function create(array $values): int {
    $owner = (int) $values['entity_id'];
    $last = (int) Db::value("SELECT MAX(id) FROM `{$this->type->table}` WHERE entity_id = $owner");
    $this->save($owner, NULL, $values);
    // Somebody else may be adding one just now, and a hook may have inserted something besides.
    $id = Db::value("SELECT id FROM `{$this->type->table}` WHERE id = LAST_INSERT_ID() AND entity_id = $owner AND id > $last")
      ?? Db::value("SELECT MIN(id) FROM `{$this->type->table}` WHERE entity_id = $owner AND id > $last");
    if ($id === NULL) {
      throw new \RuntimeException('CiviCRM did not make the record.');
    }
    return (int) $id;
  }

  public function update(int $id, array $values): void {
    if (isset($values['entity_id'])) {
      // No part of CiviCRM moves a record but the merging of contacts, and that by SQL, too.
      Db::run("UPDATE `{$this->type->table}` SET entity_id = " . (int) $values['entity_id'] . " WHERE id = $id");
    }
    unset($values['entity_id']);
    if ($values !== []) {
      $this->save((int) Db::value("SELECT entity_id FROM `{$this->type->table}` WHERE id = $id"), $id, $values);
    }
  }

  public function delete(int $id): void {
    \CRM_Core_BAO_CustomValue::deleteCustomValue($id, $this->type->declaration['group']);
  }

  private function save(int $owner, ?int $id, array $values): void {
    $fields = [];
    foreach ($this->type->coreAttributes() as $name => $attribute) {
      // The names of options go without their suffix here.
      $name = explode(':', $name)[0];
      $field = $this->type->declaration['fields'][$attribute->column] ?? NULL;
      if ($field !== NULL && ($id === NULL || array_key_exists($name, $values))) {
        $fields[$field['id']][-1] = ($id === NULL ? [] : ['id' => $id]) + $this->field($attribute->column, $field, $values[$name] ?? NULL);
      }
    }
    if ($fields !== []) {
      \CRM_Core_BAO_CustomValueTable::store($fields, '', $owner);
    }
  }

  /**
   * In the shape of CRM_Core_BAO_CustomValueTable::store(), for which the word 'null' is NULL whatever the field's type.
   */
  private function field(string $column, array $field, $value): array {
    $file = $field['data_type'] === 'File' && $value !== NULL;
    $list = is_array($value) ? \CRM_Core_DAO::VALUE_SEPARATOR . implode(\CRM_Core_DAO::VALUE_SEPARATOR, $value) . \CRM_Core_DAO::VALUE_SEPARATOR : $value;
    return [
      'value' => $list ?? 'null',
      'type' => $file ? 'File' : 'String',
      'html_type' => NULL,
      'custom_field_id' => $field['id'],
      'custom_group_id' => $this->type->declaration['group'],
      'table_name' => $this->type->table,
      'column_name' => $column,
      'is_multiple' => TRUE,
      'serialize' => 0,
      'file_id' => $file ? $value : NULL,
    ];
  }

}

<?php
declare(strict_types = 1);

namespace Civi\Share\Apply;

use Civi\Share\Db;
use Civi\Share\Peering;
use Civi\Share\PeeringOptions;
use Civi\Share\Type\Attribute;
use Civi\Share\Type\ChangeType;
use Civi\Share\Type\Options;
use Civi\Share\Type\Reader;
use Civi\Share\Type\Registry;
use Civi\Share\Type\Unfit;
use Civi\Share\Type\Values;

/**
 * Writes entities the way CiviCRM itself does, so that its rules, hooks and log see it; with nobody's permissions asked.
 *
 * Through API version 4 where this CiviCRM has it for the entity, else through version 3, unless the type names a way of its own.
 */
final class Writer {

  private const RELATIONSHIP = 'civishare.change.contact.relationship';

  /**
   * @var string[]
   *   What could not be taken, a sentence each.
   */
  private array $reasons = [];

  private readonly bool $v3;

  /**
   * The type's own way, where it names one.
   */
  private readonly ?Writes $own;

  /**
   * Is the relationship to an employer told by itself?
   */
  private readonly bool $employs;

  public function __construct(private readonly ChangeType $type, private readonly ?Peering $peering = NULL) {
    $this->employs = $type->entity === 'Contact' && $peering !== NULL && array_key_exists(self::RELATIONSHIP, $peering->typesIn);
    $way = $type->writer ?? (class_exists('\Civi\Api4\\' . $type->entity) ? 'api4' : 'api3');
    $this->own = in_array($way, ['api4', 'api3'], TRUE) ? NULL : new $way($type);
    $this->v3 = $way !== 'api4';
  }

  /**
   * @return string[]
   */
  public function reasons(): array {
    return $this->reasons;
  }

  /**
   * @param array<string, mixed> $wire
   *
   * @return int
   *   The new entity's id.
   */
  public function create(array $wire, ?Links $links = NULL): int {
    [$values, $markup, $direct] = $this->values($wire, $links);
    $values = $this->filled($values);
    $standIns = $this->standIns($values);
    $id = $this->save($this->spared($values + $standIns + $this->type->create));
    $this->dismiss($id, array_keys($standIns));
    $this->greet($id);
    $this->writeMarkup($id, $markup);
    $this->writeDirectly($id, array_filter($direct, function (array $one): bool {
      return $one[1] !== 'null';
    }));
    $this->insist($id, $wire);
    return $id;
  }

  /**
   * The values of a new entity, for saveAll().
   *
   * @return array|null
   *   NULL if it takes more than one call of API version 4 to make it.
   */
  public function record(array $wire, Links $links): ?array {
    [$values, $markup, $direct] = $this->values($wire, $links);
    $direct = array_filter($direct, function (array $one): bool {
      return $one[1] !== 'null';
    });
    if ($this->v3 || $markup !== [] || $direct !== [] || $this->insists($wire) || $this->standIns($values) !== []) {
      return NULL;
    }
    return $this->spared($this->filled($values) + $this->type->create) + $this->type->write;
  }

  /**
   * The values of an update, for saveAll().
   *
   * @param array<string, mixed> $wire
   * @param array<string, string|null> $row
   *   Raw values before.
   *
   * @return array|null
   *   NULL if it takes more than one call of API version 4. Without any values where there is nothing to save.
   */
  public function change(int $id, array $wire, Links $links, array $row): ?array {
    [$values, $markup, $direct] = $this->values($wire, $links);
    if ($this->v3 || $markup !== [] || $direct !== [] || $this->insists($wire) || $this->lost($values) !== [] || $this->isEmployed($values)) {
      return NULL;
    }
    return ['id' => $id] + ($values === [] ? [] : $this->spared($values, $row) + $this->kept($id, $values, $row) + $this->type->write);
  }

  /**
   * Saves many entities by one call, which takes half the time.
   *
   * @param array<string, array> $records
   *   Cause => what record() or change() gives.
   * @param array<int, array<string, string|null>> $rows
   *   Raw values of those that are there already, before.
   *
   * @return array<string, int>
   *   Cause => id of the entity.
   */
  public static function saveAll(ChangeType $type, array $records, array $rows = []): array {
    $ids = array_filter(array_map(function (array $record): ?int {
      return $record['id'] ?? NULL;
    }, $records));
    $records = array_filter($records, function (array $record): bool {
      return array_keys($record) !== ['id'];
    });
    if ($records === []) {
      return $ids;
    }
    $save = function () use ($type, $records, $ids): array {
      return Employers::kept($type, array_values($ids), function () use ($type, $records): array {
        return Cause::inTurn(count($records), function () use ($type, $records): array {
          return self::inTurn($type, $records);
        });
      });
    };
    return ($type->entity === 'Contact' ? Greetings::during($save, $rows) : $save()) + $ids;
  }

  /**
   * @return array<string, int>
   */
  private static function inTurn(ChangeType $type, array $records): array {
    $ids = $rest = [];
    foreach ($records as $cause => $record) {
      $marked = $record + [Cause::MEMBER => $cause];
      if ($type->entity === 'Contact' && ContactSaver::takes($record)) {
        $ids[$cause] = ContactSaver::save($type, $marked);
      }
      else {
        $rest[$cause] = $marked;
      }
    }
    if ($rest !== []) {
      $result = civicrm_api4($type->entity, 'save', ['checkPermissions' => FALSE, 'records' => array_values($rest)]);
      $ids += array_combine(array_keys($rest), array_map('intval', $result->column('id')));
    }
    return $ids;
  }

  /**
   * @param array<string, mixed> $wire
   * @param array<string, string|null> $row
   *   Raw values before, as far as they are known.
   */
  public function update(int $id, array $wire, ?Links $links = NULL, array $row = []): void {
    [$values, $markup, $direct] = $this->values($wire, $links);
    if ($this->isEmployed($values)) {
      Employers::set($id, $values['employer_id']);
      unset($values['employer_id']);
    }
    $values = $this->emptied($id, $values, $row);
    if ($values !== []) {
      Employers::kept($this->type, [$id], function () use ($id, $values, $row): void {
        $this->save(['id' => $id] + $this->spared($values, $row) + $this->kept($id, $values, $row));
      });
      $this->greet($id);
    }
    $this->writeMarkup($id, $markup);
    $this->writeDirectly($id, $direct);
    $this->insist($id, $wire);
  }

  /**
   * For good, not into the trash.
   */
  public function delete(int $id): void {
    if ($this->own !== NULL) {
      $this->own->delete($id);
      return;
    }
    if ($this->type->entity !== 'Contact') {
      Employers::kept($this->type, [$id], function () use ($id): void {
        $this->v3
          ? civicrm_api3($this->type->entity, 'delete', ['id' => $id, 'check_permissions' => 0])
          : civicrm_api4($this->type->entity, 'delete', ['checkPermissions' => FALSE, 'where' => [['id', '=', $id]]]);
      });
      return;
    }
    if (!\CRM_Contact_BAO_Contact::deleteContact($id, FALSE, TRUE, FALSE)) {
      throw new \RuntimeException('CiviCRM does not let this contact be deleted: it has financial records, or memberships are held with it.');
    }
  }

  /**
   * Makes one of two.
   *
   * @param array<string, mixed> $wire
   *   What the survivor is to hold besides.
   */
  public function merge(int $survivor, int $absorbed, array $wire): void {
    if ($this->type->entity === 'Contact') {
      $this->mergeContacts($survivor, $absorbed, $wire);
      return;
    }
    Db::run("DELETE FROM `{$this->type->table}` WHERE `{$this->type->key}` = $absorbed");
    if ($wire !== []) {
      $this->update($survivor, $wire, new Links($this->type, $wire));
    }
  }

  /**
   * Moves everything from one contact to the other and trashes it. What the survivor itself holds stays as it was: its attributes
   * travel with versions of their own, and CiviCRM would fill its gaps from the other contact.
   */
  private function mergeContacts(int $survivor, int $absorbed, array $wire): void {
    self::gather($survivor, $absorbed);
    $before = Reader::read($this->type, [$survivor, $absorbed]);
    foreach ($before as $id => $values) {
      if (!empty($values['is_deleted'])) {
        // CiviCRM merges nobody who is in the trash. The one ends up there again, the other one below.
        $this->save(['id' => $id, 'is_deleted' => FALSE]);
      }
    }
    $result = civicrm_api3('Contact', 'merge', [
      'to_keep_id' => $survivor,
      'to_remove_id' => $absorbed,
      'mode' => 'aggressive',
      'check_permissions' => 0,
    ]);
    if (empty($result['values']['merged'])) {
      throw new \RuntimeException('CiviCRM did not merge the two contacts.');
    }
    $after = Reader::read($this->type, [$survivor])[$survivor] ?? NULL;
    if ($after === NULL) {
      throw new Lost('The survivor is gone: the database has rolled back on the way.');
    }
    $changed = array_filter($before[$survivor], function ($value, string $name) use ($after): bool {
      return $value !== $after[$name];
    }, ARRAY_FILTER_USE_BOTH);
    $values = $wire + $changed;
    $this->update($survivor, $values, new Links($this->type, $values));
  }

  /**
   * Moves addresses and the like before CiviCRM does, which would leave some of them behind. Whoever has merged the two has told which of
   * those that they knew stay behind; any other one was made while they could not know of it, and goes to the survivor on every site, in
   * whatever order it is told and the merge.
   */
  private static function gather(int $survivor, int $absorbed): void {
    foreach (Registry::active() as $type) {
      if ($type->slot === []) {
        continue;
      }
      $set = ["contact_id = $survivor"];
      foreach ($type->choices() as $attribute) {
        if (Db::rows("SELECT 1 FROM `$type->table` WHERE contact_id = $survivor AND `$attribute->column` = 1 LIMIT 1") !== []) {
          $set[] = "`$attribute->column` = 0";
        }
      }
      Db::run("UPDATE `$type->table` SET " . implode(', ', $set) . " WHERE contact_id = $absorbed");
      Chosen::later($type, $survivor);
    }
  }

  /**
   * @return array
   *   [what the API takes, rich text by custom field, [attribute, value] of custom fields that the API does not take]
   */
  private function values(array $wire, ?Links $links): array {
    $values = $markup = $direct = [];
    foreach ($wire as $name => $value) {
      $attribute = $this->type->attribute((string) $name);
      try {
        if ($attribute === NULL) {
          throw new Unfit("$name could not be taken: this site has no such field.");
        }
        if ($attribute->isReference()) {
          if ($links !== NULL && $links->isWritten($attribute)) {
            $id = $links->ids[$attribute->name];
            if ($attribute->customField === NULL) {
              $values[$attribute->name] = $id;
            }
            else {
              $direct[] = [$attribute, $id ?? 'null'];
            }
          }
          continue;
        }
        $raw = $this->raw($attribute, $value);
        if ($this->own !== NULL && $attribute->kind === 'string' && !$attribute->markup && is_string($raw)) {
          // The APIs do this by themselves.
          $raw = str_replace(['<', '>'], ['&lt;', '&gt;'], $raw);
        }
        if ($attribute->customField !== NULL && $raw === NULL) {
          $direct[] = [$attribute, 'null'];
        }
        elseif ($attribute->markup && $attribute->customField !== NULL) {
          $markup['custom_' . $attribute->customField] = $raw;
        }
        elseif (!self::isWithheld($attribute, $value)) {
          $values[$this->apiName($attribute)] = $raw;
        }
      }
      catch (Unfit $e) {
        $this->reasons[] = $e->getMessage();
      }
    }
    return [$values, $markup, $direct];
  }

  /**
   * An option that this site lacks is made or reported, as the peering says.
   *
   * @return mixed
   */
  private function raw(Attribute $attribute, $value) {
    try {
      return Values::fromWire($attribute, $value);
    }
    catch (Unfit $e) {
      if ($attribute->options === NULL || !PeeringOptions::makes($this->peering->options[PeeringOptions::OPTION_MISSING] ?? NULL, $attribute->options)) {
        throw $e;
      }
      foreach ((array) $value as $name) {
        if (Options::value($attribute->options, (string) $name) === NULL && !Options::make($attribute->options, (string) $name)) {
          throw $e;
        }
      }
      return Values::fromWire($attribute, $value);
    }
  }

  /**
   * Options are resolved already, so the name goes without its suffix.
   */
  private function apiName(Attribute $attribute): string {
    return $this->v3 && $attribute->customField !== NULL ? 'custom_' . $attribute->customField : explode(':', $attribute->name)[0];
  }

  private function spared(array $values, array $row = []): array {
    return $this->type->entity === 'Contact' ? Greetings::spare($values, $row) : $values;
  }

  /**
   * Empties what CiviCRM does not let a save empty.
   *
   * @return array
   *   The other values.
   */
  private function emptied(int $id, array $values, array $row): array {
    $lost = $this->lost($values);
    $this->dismiss($id, array_diff($lost, ['employer_id']));
    if (in_array('employer_id', $lost, TRUE)) {
      $employer = $row['employer_id'] ?? Db::value("SELECT employer_id FROM civicrm_contact WHERE id = $id");
      \CRM_Contact_BAO_Contact_Utils::clearCurrentEmployer($id, $employer);
    }
    return array_diff_key($values, array_flip($lost));
  }

  /**
   * @return string[]
   *   Names of what is to be emptied and no save empties.
   */
  private function lost(array $values): array {
    $names = $this->type->standIn;
    if ($this->type->entity === 'Contact') {
      // Version 4 of 5.33 would make a nameless organization the employer.
      $names[] = 'employer_id';
    }
    return array_keys(array_filter(array_intersect_key($values, array_flip($names)), 'is_null'));
  }

  private function isEmployed(array $values): bool {
    return $this->employs && array_key_exists('employer_id', $values);
  }

  /**
   * This site's own contact stands in for those without whom CiviCRM creates nothing.
   *
   * @return array<string, int>
   */
  private function standIns(array $values): array {
    $lacking = array_diff($this->type->standIn, array_keys($values));
    return $lacking === [] ? [] : array_fill_keys($lacking, (int) \CRM_Core_BAO_Domain::getDomain()->contact_id);
  }

  /**
   * Takes away those whom CiviCRM does not let go.
   *
   * @param string[] $names
   */
  private function dismiss(int $id, array $names): void {
    foreach ($names as $name) {
      ['table' => $table, 'key' => $key, 'where' => $where] = $this->type->coreAttributes()[$name]->through;
      $conditions = "`$key` = $id";
      foreach ($where as $column => $value) {
        $conditions .= " AND `$column` = " . Db::quote((string) $value);
      }
      Db::run("DELETE FROM `$table` WHERE $conditions");
    }
  }

  private function filled(array $values): array {
    return array_filter($values, function ($value): bool {
      return $value !== NULL;
    });
  }

  /**
   * What the update has to name although it does not change.
   */
  private function kept(int $id, array $values, array $row): array {
    $columns = array_values(array_diff($this->type->keep, array_keys($values)));
    if ($columns === []) {
      return [];
    }
    if (array_diff($columns, array_keys($row)) !== []) {
      $row = Db::rows('SELECT `' . implode('`, `', $columns) . "` FROM `{$this->type->table}` WHERE `{$this->type->key}` = $id")[0] ?? [];
    }
    return array_intersect_key($row, array_flip($columns));
  }

  private function greet(int $id): void {
    if ($this->type->entity === 'Contact') {
      Greetings::later($id);
    }
  }

  private function save(array $values): int {
    $values += $this->type->write;
    if ($this->own !== NULL) {
      return $this->saveOwn($values);
    }
    if ($this->v3) {
      // Version 3 overlooks NULL; this word is what it writes as such.
      $values = array_map(function ($value) {
        return $value ?? 'null';
      }, $values);
      return (int) civicrm_api3($this->type->entity, 'create', $values + ['check_permissions' => 0])['id'];
    }
    $result = civicrm_api4($this->type->entity, 'save', ['checkPermissions' => FALSE, 'records' => [$values]]);
    return (int) $result->first()['id'];
  }

  private function saveOwn(array $values): int {
    $id = (int) ($values['id'] ?? 0);
    unset($values['id']);
    if ($id === 0) {
      return $this->own->create($values);
    }
    $this->own->update($id, $values);
    return $id;
  }

  private function insists(array $wire): bool {
    foreach (array_intersect_key($this->type->coreAttributes(), $wire) as $name => $attribute) {
      if ($attribute->exact || self::isWithheld($attribute, $wire[$name])) {
        return TRUE;
      }
    }
    return FALSE;
  }

  /**
   * Puts right what CiviCRM has set by itself, whatever it was told: the moment at which an email address was put on hold. And writes
   * what was withheld.
   */
  private function insist(int $id, array $wire): void {
    $set = [];
    foreach (array_keys($wire) as $name) {
      $attribute = $this->type->coreAttributes()[$name] ?? NULL;
      if ($attribute !== NULL && ($attribute->exact || self::isWithheld($attribute, $wire[$name]))) {
        $raw = $this->raw($attribute, $wire[$name]);
        $set[] = "`$attribute->column` = " . Db::quote($raw === NULL ? NULL : (string) $raw);
      }
    }
    if ($set !== []) {
      Db::run("UPDATE `{$this->type->table}` SET " . implode(', ', $set) . " WHERE `{$this->type->key}` = $id");
    }
  }

  /**
   * With this, CiviCRM would take it from rows that may have been told later; Chosen looks at that where only one may have it.
   */
  private static function isWithheld(Attribute $attribute, $value): bool {
    return ($attribute->single || $attribute->apart) && $value === TRUE;
  }

  /**
   * API version 4 of 5.33 would store the angle brackets of rich text as entities.
   */
  private function writeMarkup(int $id, array $markup): void {
    if ($markup !== []) {
      $params = ['entityID' => $id] + $markup;
      $result = \CRM_Core_BAO_CustomValueTable::setValues($params);
      if (!empty($result['is_error'])) {
        throw new \RuntimeException('CiviCRM did not take the rich text: ' . ($result['error_message'] ?? ''));
      }
    }
  }

  /**
   * API version 4 of 5.33 overlooks NULL for custom fields, takes '' for the number 0, and dates a file anew that a field refers to.
   * The word 'null' is what CiviCRM itself writes as NULL, whatever the field's type.
   *
   * @param array[] $fields
   *   [attribute, 'null' or the id that it refers to] each.
   */
  private function writeDirectly(int $id, array $fields): void {
    $params = [];
    foreach ($fields as [$attribute, $value]) {
      $file = $attribute->refers === 'File' && $value !== 'null';
      $params[$attribute->customField][-1] = [
        'value' => $value,
        'type' => $file ? 'File' : 'String',
        'html_type' => NULL,
        'custom_field_id' => $attribute->customField,
        'custom_group_id' => $attribute->customGroup,
        'table_name' => $attribute->table,
        'column_name' => $attribute->column,
        'is_multiple' => FALSE,
        'serialize' => 0,
        'file_id' => $file ? $value : NULL,
      ];
    }
    if ($params !== []) {
      \CRM_Core_BAO_CustomValueTable::store($params, $this->type->table, $id);
    }
  }

}

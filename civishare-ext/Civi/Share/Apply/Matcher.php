<?php
declare(strict_types = 1);

namespace Civi\Share\Apply;

use Civi\Share\Db;
use Civi\Share\Peering;
use Civi\Share\Type\Attribute;
use Civi\Share\Type\ChangeType;
use Civi\Share\Type\ContactFields;
use Civi\Share\Type\Unfit;
use Civi\Share\Type\Values;
use CiviShare\Core;

/**
 * Finds an entity of this site that a new one from a peer is meant to be, by the peering's matching rule.
 *
 * Without a rule nothing is matched. A rule (option "match" of the peering) is a list of attributes, or a dedupe rule of CiviCRM's own,
 * and applies only when the change holds every one of its fields: matching on whatever happens to be there has overwritten strangers
 * who shared a first name.
 */
final class Matcher {

  const NEVER = 'never';

  const SHORTHAND = [
    'external_identifier' => ['external_identifier'],
    'email' => ['email_primary.email'],
  ];

  /**
   * What becomes of a contact that nobody here matches (option "on_no_match").
   */
  const CREATE = 'create';
  const WAIT = 'wait';
  const REPORT = 'report';

  /**
   * One that waits is looked at again so often. Milliseconds.
   */
  const WAIT_MS = 3600000;

  /**
   * Is there any rule by which a new entity could be one of this site?
   */
  public static function mayMatch(ChangeType $type, Peering $peering): bool {
    return $type->entity === 'Contact' ? ($peering->options['match'] ?? self::NEVER) !== self::NEVER : $type->unique !== [] || $type->match !== [];
  }

  /**
   * @param array<string, mixed> $known
   *   Attributes of the change and of its "identity".
   *
   * @return int|null
   *   The one entity that matches.
   *
   * @throws \Civi\Share\Apply\Ambiguous
   *   If there are several: a person has to decide.
   */
  public static function find(ChangeType $type, Peering $peering, array $known): ?int {
    if ($type->entity !== 'Contact') {
      return self::byKeys($type, $peering, $known);
    }
    $found = self::candidates($type, $peering, $known);
    if (count($found) > 1) {
      throw new Ambiguous(sprintf('ambiguous: several contacts of this site match (%s), so a person has to decide', implode(', ', array_slice($found, 0, 10))));
    }
    return $found[0] ?? NULL;
  }

  /**
   * What a change says of its entity.
   *
   * @return array<string, mixed>
   */
  public static function known(array $change): array {
    return array_column($change['attribute_changes'] ?? [], 'to', 'name') + (array) ($change['identity'] ?? []);
  }

  /**
   * The contacts that fit the rule.
   *
   * @return int[]
   */
  public static function candidates(ChangeType $type, Peering $peering, array $known): array {
    $rule = $peering->options['match'] ?? self::NEVER;
    if (is_array($rule) && isset($rule['dedupe'])) {
      return self::byDedupeRule($type, (string) $rule['dedupe'], $known);
    }
    $names = is_array($rule) ? array_filter($rule, 'is_string') : self::SHORTHAND[$rule] ?? [];
    $where = [];
    foreach ($names as $name) {
      $condition = isset($known[$name]) ? self::condition($type, $name, $known[$name]) : NULL;
      if ($condition === NULL) {
        return [];
      }
      $where[] = $condition;
    }
    return $where === [] ? [] : array_map('intval', array_column(
      Db::rows('SELECT c.id FROM civicrm_contact c WHERE c.is_deleted = 0 AND ' . implode(' AND ', $where) . ' ORDER BY c.id LIMIT 20'), 'id'));
  }

  /**
   * By a rule of CiviCRM's own (its name or number, or the one that is used "unsupervised" or "supervised"): only if every field of
   * it is known, for an absent one counts as no difference.
   *
   * @return int[]
   */
  private static function byDedupeRule(ChangeType $type, string $rule, array $known): array {
    $group = self::dedupeRule($rule, (string) ($known['contact_type'] ?? ''));
    if ($group === NULL || $group['contact_type'] !== ($known['contact_type'] ?? NULL)) {
      return [];
    }
    $input = [];
    foreach (Db::rows('SELECT rule_table, rule_field FROM civicrm_dedupe_rule WHERE dedupe_rule_group_id = ' . (int) $group['id']) as $field) {
      [$key, $value] = self::dedupeField($type, $field['rule_table'], $field['rule_field'], $known);
      if ($value === NULL) {
        return [];
      }
      $input[$key] = $value;
    }
    $found = $input === [] ? [] : \CRM_Contact_BAO_Contact::getDuplicateContacts($input, $group['contact_type'], 'Unsupervised', [], FALSE, (int) $group['id']);
    return array_values(array_map('intval', $found));
  }

  /**
   * @return array|null
   *   ['id', 'contact_type']
   */
  public static function dedupeRule(string $rule, string $contactType): ?array {
    $used = ucfirst(strtolower($rule));
    $where = in_array($used, ['Unsupervised', 'Supervised'], TRUE)
      ? "used = '$used'" . ($contactType === '' ? '' : ' AND contact_type = ' . Db::quote($contactType))
      : 'name = ' . Db::quote($rule) . (ctype_digit($rule) ? ' OR id = ' . (int) $rule : '');
    return Db::rows("SELECT id, contact_type FROM civicrm_dedupe_rule_group WHERE $where ORDER BY id LIMIT 1")[0] ?? NULL;
  }

  /**
   * @return array
   *   [the field as CiviCRM's search for duplicates takes it, its value; NULL if it is not known]
   */
  private static function dedupeField(ChangeType $type, string $table, string $column, array $known): array {
    $name = ContactFields::ofColumn($table, $column);
    if ($name !== NULL) {
      $value = $known[$name] ?? ($column === 'phone_numeric' ? $known['phone_primary.phone'] ?? NULL : NULL);
      return [$column, is_scalar($value) && (string) $value !== '' ? (string) $value : NULL];
    }
    $attribute = $type->columns($table)[$column] ?? NULL;
    if ($attribute === NULL || $attribute->multiple || !is_scalar($known[$attribute->name] ?? NULL)) {
      return [$column, NULL];
    }
    try {
      $value = Values::fromWire($attribute, $known[$attribute->name]);
      return [$attribute->customField === NULL ? $column : 'custom_' . $attribute->customField, is_scalar($value) && (string) $value !== '' ? $value : NULL];
    }
    catch (Unfit $e) {
      // An option that this site does not have is in no contact of it.
      return [$column, NULL];
    }
  }

  /**
   * What is no contact is told by its natural key, where it has one.
   */
  private static function byKeys(ChangeType $type, Peering $peering, array $known): ?int {
    try {
      return self::byKey($type, $peering, $known);
    }
    catch (Unfit $e) {
      // An option that this site does not have is in no row of it.
      return NULL;
    }
  }

  /**
   * Another row that has the natural key which these values make.
   */
  public static function twin(ChangeType $type, int $id, array $values): ?int {
    foreach ($type->unique as $names) {
      foreach (self::rows($type, $names, $values) as $row) {
        if ((int) $row['id'] !== $id) {
          return (int) $row['id'];
        }
      }
    }
    return NULL;
  }

  private static function byKey(ChangeType $type, Peering $peering, array $known): ?int {
    foreach ($type->unique as $names) {
      $found = self::rows($type, $names, $known);
      if ($found !== []) {
        return (int) $found[0]['id'];
      }
    }
    foreach ($type->match as $names) {
      foreach (self::rows($type, $names, $known) as $row) {
        if (Core::wants($row['state'], [$peering->id])) {
          return (int) $row['id'];
        }
      }
    }
    return NULL;
  }

  /**
   * Rows that have the values of a natural key, with their states.
   *
   * @return array[]
   */
  private static function rows(ChangeType $type, array $names, array $known): array {
    // Two rows that lack a transaction number do not have it in common.
    if (!isset($known[$names[0]])) {
      return [];
    }
    $links = new Links($type, array_intersect_key($known, array_flip($names)));
    $where = [];
    foreach ($names as $name) {
      $attribute = $type->coreAttributes()[$name] ?? NULL;
      if ($attribute === NULL || $attribute->multiple) {
        return [];
      }
      if ($attribute->isReference()) {
        $raw = $links->ids[$name] ?? NULL;
        if ($raw === NULL && isset($known[$name])) {
          return [];
        }
      }
      else {
        $raw = isset($known[$name]) ? self::raw($attribute, $known[$name]) : self::raw($attribute, NULL);
      }
      $where[] = "t.`$attribute->column` <=> " . Db::quote($raw === NULL ? NULL : (string) $raw);
    }
    return Db::rows("SELECT t.`$type->key` id, e.state FROM `$type->table` t
      LEFT JOIN civicrm_share_entity e ON e.entity_type = " . Db::quote($type->entity) . " AND e.entity_id = t.`$type->key`
      WHERE " . implode(' AND ', $where) . " ORDER BY t.`$type->key` LIMIT 20");
  }

  /**
   * Stored text has its "<" and ">" as entities.
   */
  private static function raw(Attribute $attribute, $value): ?string {
    $raw = Values::fromWire($attribute, $value);
    return $raw === NULL ? NULL : str_replace(['<', '>'], ['&lt;', '&gt;'], (string) $raw);
  }

  /**
   * @param mixed $value
   */
  private static function condition(ChangeType $type, string $name, $value): ?string {
    if (!is_scalar($value) || (string) $value === '') {
      return NULL;
    }
    $condition = ContactFields::condition($name, (string) $value);
    if ($condition !== NULL) {
      return $condition;
    }
    $attribute = $type->attribute($name);
    if ($attribute === NULL || $attribute->multiple || $attribute->isReference()) {
      return NULL;
    }
    try {
      $raw = Db::quote(self::raw($attribute, $value));
    }
    catch (Unfit $e) {
      return NULL;
    }
    return $attribute->customField === NULL
      ? "c.`$attribute->column` = $raw"
      : "EXISTS (SELECT 1 FROM `$attribute->table` t WHERE t.entity_id = c.id AND t.`$attribute->column` = $raw)";
  }

}

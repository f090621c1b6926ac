<?php
declare(strict_types = 1);

namespace Civi\Share\Conflict;

use Civi\Share\Db;
use Civi\Share\Type\Attribute;
use Civi\Share\Type\ChangeType;
use Civi\Share\Type\Reader;
use Civi\Share\Type\Registry;
use CRM_Share_ExtensionUtil as E;

/**
 * Conflicts that wait for a person: a peering's rule is "ask", and both sites have changed an attribute without knowing of each other.
 * Until somebody decides, this site keeps its value.
 */
final class Conflicts {

  /**
   * Is there any at all? Mostly not, and then nobody looks for one that is to go.
   */
  private static ?bool $any = NULL;

  /**
   * Notes what a received change conflicts with. To be called in the transaction that applies it.
   *
   * A later value of the same peer takes the place of an earlier one, which is no longer held anywhere.
   *
   * @param array[] $conflicts
   *   As \CiviShare\Core::decide() gives them.
   * @param string[] $advanced
   *   Attributes in which the change was taken.
   */
  public static function note(ChangeType $type, ?int $entity, int $peering, array $conflicts, array $advanced): void {
    $names = array_merge(array_column($conflicts, 'name'), $advanced);
    if ($entity === NULL || $names === [] || ($conflicts === [] && !self::any())) {
      return;
    }
    $state = Db::value('SELECT id FROM civicrm_share_entity WHERE entity_type = ' . Db::quote($type->entity) . " AND entity_id = $entity");
    if ($state === NULL) {
      return;
    }
    Db::run("DELETE FROM civicrm_share_conflict WHERE share_entity_id = $state AND peering_id = $peering AND attribute IN (" . Db::quoteAll($names) . ')');
    $ours = $conflicts === [] ? [] : Reader::read($type, [$entity], array_column($conflicts, 'name'))[$entity] ?? [];
    foreach ($conflicts as $conflict) {
      $values = [
        $conflict['name'],
        json_encode($ours[$conflict['name']] ?? NULL),
        $conflict['ours_version'],
        json_encode($conflict['theirs']),
        $conflict['theirs_version'],
      ];
      Db::run("INSERT INTO civicrm_share_conflict (share_entity_id, peering_id, attribute, ours, ours_version, theirs, theirs_version)
        VALUES ($state, $peering, " . Db::quoteAll($values) . ')');
      self::$any = TRUE;
    }
  }

  /**
   * Another process may have noted one: asked anew for each batch.
   */
  public static function flush(): void {
    self::$any = NULL;
  }

  private static function any(): bool {
    return self::$any ??= Db::value('SELECT 1 FROM civicrm_share_conflict LIMIT 1') === '1';
  }

  /**
   * The open conflicts, oldest first, with the value that this site holds now.
   *
   * @return array[]
   *   Each ['id', 'entity_type', 'entity_id', 'peering_id', 'attribute', 'ours', 'ours_version', 'theirs', 'theirs_version',
   *   'created_date'].
   */
  public static function open(int $limit = 0): array {
    return self::select('1', $limit);
  }

  public static function one(int $id): ?array {
    return self::select("c.id = $id", 1)[0] ?? NULL;
  }

  public static function count(): int {
    return (int) Db::value('SELECT COUNT(*) FROM civicrm_share_conflict c INNER JOIN civicrm_share_entity e ON e.id = c.share_entity_id
      WHERE e.entity_id IS NOT NULL');
  }

  /**
   * Of entities that are gone nothing needs to be decided any more.
   */
  public static function sweep(): void {
    Db::run('DELETE c FROM civicrm_share_conflict c INNER JOIN civicrm_share_entity e ON e.id = c.share_entity_id WHERE e.entity_id IS NULL');
  }

  /**
   * The change type that an attribute of an entity belongs to.
   */
  public static function type(string $entity, string $attribute): ?ChangeType {
    foreach (Registry::all() as $type) {
      if ($type->entity === $entity && $type->attribute($attribute) !== NULL) {
        return $type;
      }
    }
    return NULL;
  }

  /**
   * What a person has typed, as a value of an attribute.
   *
   * @return mixed
   */
  public static function value(Attribute $attribute, string $text) {
    $text = trim($text);
    if ($attribute->multiple) {
      return array_values(array_filter(array_map('trim', explode(',', $text)), 'strlen'));
    }
    if ($text === '') {
      return NULL;
    }
    switch ($attribute->kind) {
      case 'bool':
        return in_array(strtolower($text), ['1', 'true', strtolower(E::ts('Yes'))], TRUE);

      case 'int':
        return is_numeric($text) ? (int) $text : $text;
    }
    return $text;
  }

  private static function select(string $where, int $limit): array {
    $rows = Db::rows('SELECT c.id, e.entity_type, e.entity_id, c.peering_id, c.attribute, c.ours, c.ours_version, c.theirs, c.theirs_version, c.created_date
      FROM civicrm_share_conflict c INNER JOIN civicrm_share_entity e ON e.id = c.share_entity_id
      WHERE e.entity_id IS NOT NULL AND ' . $where . ' ORDER BY c.id' . ($limit > 0 ? " LIMIT $limit" : ''));
    return array_map([self::class, 'row'], $rows);
  }

  private static function row(array $row): array {
    $entity = (int) $row['entity_id'];
    $type = self::type($row['entity_type'], $row['attribute']);
    $now = $type === NULL ? [] : Reader::read($type, [$entity], [$row['attribute']])[$entity] ?? [];
    return [
      'id' => (int) $row['id'],
      'entity_id' => $entity,
      'peering_id' => (int) $row['peering_id'],
      'ours' => array_key_exists($row['attribute'], $now) ? $now[$row['attribute']] : json_decode((string) $row['ours'], TRUE),
      'theirs' => json_decode((string) $row['theirs'], TRUE),
    ] + $row;
  }

}

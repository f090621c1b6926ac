<?php
declare(strict_types = 1);

namespace Civi\Share\Type;

use Civi\Share\Settle\States;
use CiviShare\Core;

/**
 * References between entities: numbers here, UIDs on the wire. Looked up for many rows at once.
 */
final class References {

  /**
   * Where an attribute may refer to everything.
   */
  const ALL = '0';

  /**
   * @var array<string, array<int, string|null>>
   *   Entity => id => UID, NULL if it has none.
   */
  private array $uids = [];

  /**
   * @var array<string, array<int, array>>
   *   Entity => id => its row of civicrm_share_entity: what was looked up and nobody has asked for yet.
   */
  private array $met = [];

  /**
   * @var array<string, array<int, string>>
   *   UIDs given to entities that have none yet; who gives them has the entity told as well.
   */
  private array $promised = [];

  /**
   * Looks up the UIDs of what these rows refer to.
   *
   * @param Attribute[] $attributes
   *   By column.
   * @param array<string, mixed>[] $rows
   *
   * @return array<string, int[]>
   *   Entity => ids of those that have none.
   */
  public function meet(array $attributes, array $rows): array {
    $met = [];
    foreach ($attributes as $column => $attribute) {
      if ($attribute->isReference()) {
        foreach ($rows as $row) {
          foreach (self::ids($row[$column] ?? NULL) as $id) {
            $met[self::entity($attribute, $row)][$id] = $id;
          }
        }
      }
    }
    unset($met['']);
    $without = [];
    foreach ($met as $entity => $ids) {
      $this->look($entity, array_diff_key($ids, $this->uids[$entity] ?? []));
      foreach ($ids as $id) {
        if ($this->uids[$entity][$id] === NULL) {
          $without[$entity][] = $id;
        }
      }
    }
    return $without;
  }

  /**
   * What was met since the last call and has a UID already.
   *
   * @return array<string, array<int, array>>
   *   Entity => id => its row of civicrm_share_entity.
   */
  public function met(): array {
    $met = $this->met;
    $this->met = [];
    return $met;
  }

  /**
   * Gives an entity a UID before it is told.
   */
  public function promise(string $entity, int $id): void {
    $this->uids[$entity][$id] = $this->promised[$entity][$id] ??= Core::newUid();
  }

  /**
   * It can not be told after all.
   */
  public function deny(string $entity, int $id): void {
    unset($this->promised[$entity][$id]);
    $this->uids[$entity][$id] = NULL;
  }

  public function promised(string $entity, int $id): ?string {
    return $this->promised[$entity][$id] ?? NULL;
  }

  /**
   * @param Attribute $attribute
   * @param array<string, mixed> $row
   *   The raw row that holds it, for the table that a polymorphic reference names.
   * @param string|int[]|null $raw
   *
   * @return string|string[]|null
   *   The form of the wire.
   */
  public function toWire(Attribute $attribute, array $row, $raw) {
    if ($attribute->zero && (string) $raw === self::ALL) {
      return self::ALL;
    }
    $entity = self::entity($attribute, $row);
    $uids = [];
    foreach (self::ids($raw) as $id) {
      $uids[] = $this->uids[$entity][$id] ?? NULL;
    }
    $uids = array_filter($uids);
    sort($uids);
    return $uids === [] ? NULL : ($attribute->multiple ? $uids : $uids[0]);
  }

  /**
   * What UIDs name here.
   *
   * @param string[] $uids
   *
   * @return array<string, array{entity: string, id: int|null}>
   *   By UID; without those that are not known, with id NULL where it is deleted.
   */
  public static function find(array $uids): array {
    $found = [];
    foreach (States::ofUids(array_values(array_unique($uids))) as $uid => $state) {
      $found[$uid] = ['entity' => $state['entity_type'], 'id' => $state['entity_id'] === NULL ? NULL : (int) $state['entity_id']];
    }
    return $found;
  }

  /**
   * @param string[]|string|null $raw
   *
   * @return int[]
   */
  private static function ids($raw): array {
    return array_filter(array_map('intval', is_array($raw) ? $raw : [$raw]));
  }

  /**
   * The entity that a reference names.
   *
   * @param array<string, mixed> $row
   *   The raw row that holds it, for the table that a polymorphic reference names.
   *
   * @return string
   *   '' if none that is shared.
   */
  public static function entity(Attribute $attribute, array $row): string {
    if ($attribute->refers !== NULL) {
      return $attribute->refers;
    }
    $by = (string) ($row[$attribute->by] ?? '');
    if ($attribute->targets === NULL) {
      return (string) Registry::entityOf($by);
    }
    return $attribute->targets[$attribute->targetOptions === NULL ? $by : Options::name($attribute->targetOptions, $by)] ?? '';
  }

  /**
   * @param int[] $ids
   */
  private function look(string $entity, array $ids): void {
    if ($ids === []) {
      return;
    }
    $this->uids[$entity] = ($this->uids[$entity] ?? []) + array_fill_keys($ids, NULL);
    foreach (States::ofEntities($entity, $ids) as $state) {
      $this->uids[$entity][(int) $state['entity_id']] = $state['uid'];
      $this->met[$entity][(int) $state['entity_id']] = $state;
    }
  }

}

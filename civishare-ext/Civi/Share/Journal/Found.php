<?php
declare(strict_types = 1);

namespace Civi\Share\Journal;

use Civi\Share\Settle\States;
use Civi\Share\Type\Registry;

/**
 * Open rows of the journal, and the states of the entities that they concern as they were when the rows were read.
 */
final class Found {

  /**
   * @var array[]
   */
  public readonly array $rows;

  /**
   * @var array<string, array<int, array>>
   *   Entity type => entity => its row of civicrm_share_entity.
   */
  public readonly array $states;

  /**
   * @param array[] $rows
   *   As Journal::find() reads them.
   */
  public function __construct(array $rows) {
    $this->rows = $rows;
    $ids = [];
    foreach ($rows as $row) {
      $entity = Registry::ofTable($row['table_name'])?->entity;
      if ($entity !== NULL) {
        $ids[$entity][(int) $row['entity_id']] = (int) $row['entity_id'];
      }
    }
    foreach ($this->absorbed() as $entity => $absorbed) {
      $ids[$entity] = ($ids[$entity] ?? []) + array_combine(array_keys($absorbed), array_keys($absorbed));
    }
    $states = [];
    foreach ($ids as $entity => $ofEntity) {
      $states[$entity] = array_column(States::ofEntities($entity, $ofEntity), NULL, 'entity_id');
    }
    $this->states = array_filter($states);
  }

  /**
   * Were they read inside of a transaction that somebody has begun? NULL if the server can not tell.
   */
  public function inTransaction(): ?bool {
    $flag = $this->rows[0]['in_transaction'] ?? NULL;
    return $flag === NULL ? NULL : (bool) $flag;
  }

  public function isEmpty(): bool {
    return $this->rows === [];
  }

  public function count(): int {
    return count($this->rows);
  }

  /**
   * @return int[]
   */
  public function ids(): array {
    return array_map('intval', array_column($this->rows, 'id'));
  }

  /**
   * These rows and others, in order.
   *
   * @param array[] $rows
   */
  public function with(array $rows): self {
    if ($rows === []) {
      return $this;
    }
    $all = array_merge($this->rows, $rows);
    usort($all, function (array $a, array $b): int {
      return $a['id'] <=> $b['id'];
    });
    return new self($all);
  }

  /**
   * @return array<string, int[]>
   *   Entity type => those that merges have ended, and those that took them in.
   */
  public function merged(): array {
    return array_map(function (array $absorbed): array {
      return array_values(array_unique(array_merge(array_keys($absorbed), array_values($absorbed))));
    }, $this->absorbed());
  }

  /**
   * The rows of each entity, those of one that was absorbed with those of its survivor.
   *
   * @return int[][]
   *   Like "Contact:312" => ids of rows.
   */
  public function byEntity(): array {
    $absorbed = $this->absorbed();
    $entities = [];
    foreach ($this->rows as $row) {
      $entity = self::entity($row);
      $id = (int) $row['entity_id'];
      // A survivor may have been absorbed in its turn.
      for ($met = []; isset($absorbed[$entity][$id]) && !isset($met[$id]); $id = $absorbed[$entity][$id]) {
        $met[$id] = TRUE;
      }
      $entities["$entity:$id"][] = (int) $row['id'];
    }
    return $entities;
  }

  /**
   * Of which entity it tells; '' if no peering shares it any more.
   */
  private static function entity(array $row): string {
    return Registry::ofTable($row['table_name'])->entity ?? '';
  }

  /**
   * @return array<string, array<int, int>>
   *   Entity type => absorbed => survivor.
   */
  private function absorbed(): array {
    $absorbed = [];
    foreach ($this->rows as $row) {
      if ($row['operation'] === 'M') {
        $absorbed[self::entity($row)][(int) $row['columns']] = (int) $row['entity_id'];
      }
    }
    unset($absorbed['']);
    return $absorbed;
  }

}

<?php
declare(strict_types = 1);

namespace Civi\Share\Settle;

use Civi\Share\Detect\Mode;
use Civi\Share\Filter\Moves;
use Civi\Share\Filter\Pass;
use Civi\Share\Journal\Journal;
use Civi\Share\Journal\Sieve;
use Civi\Share\Type\ChangeType;
use Civi\Share\Type\Registry;

/**
 * What one transaction settles: its rows by entity, and what is to be written in the end, in few statements.
 */
final class Batch {

  /**
   * @var array<string, array<int, Group>>
   *   Type => entity => its rows.
   */
  private array $groups = [];

  /**
   * @var array<int, bool>
   *   Rows to be closed.
   */
  private array $close = [];

  /**
   * @var array<string, array>
   *   States to be written, by entity.
   */
  private array $save = [];

  /**
   * @var int[]
   *   States of absorbed entities.
   */
  private array $absorbed = [];

  /**
   * @var array<string, int>
   *   Entities that were taken in => which one it was.
   */
  private array $takenIn = [];

  /**
   * @var array<string, array[]>
   *   By entity: ['order' => place in the batch, 'changes' => array[]]
   */
  private array $changes = [];

  private readonly Moves $moves;

  /**
   * @var array<string, array<int, int>>
   *   Type => entity => the row of the merge that has ended it.
   */
  private array $absorbedAt = [];

  /**
   * @var array<string, array<int, int>>
   *   Type => entity => the one that has absorbed it.
   */
  private array $absorbedBy = [];

  /**
   * @param array[] $rows
   *   Rows of the journal, in order.
   * @param array<string, array<int, array>> $states
   *   Entity type => entity => its row of civicrm_share_entity.
   * @param bool $derived
   *   Are these not a person's edits, but what applying a change brought about?
   */
  public function __construct(array $rows, private array $states, private readonly bool $derived = FALSE) {
    $this->moves = new Moves();
    foreach ($rows as $row) {
      $type = $row['operation'] === 'M' ? Registry::ofTable($row['table_name']) : NULL;
      if ($type !== NULL) {
        $this->absorbedAt[$type->name][(int) $row['columns']] ??= (int) $row['id'];
        $this->absorbedBy[$type->name][(int) $row['columns']] ??= (int) $row['entity_id'];
      }
    }
    foreach ($rows as $row) {
      $this->close[(int) $row['id']] = TRUE;
      $type = Registry::ofTable($row['table_name']);
      $entity = (int) $row['entity_id'];
      // What happens to an entity after it was absorbed, a contact's trashing above all, is a part of the merge.
      $end = $type === NULL ? NULL : $this->absorbedAt($type, $entity);
      if ($type !== NULL && ($end === NULL || $row['id'] <= $end)) {
        $this->groupOf($type, $entity)->add($type, $row);
      }
    }
  }

  /**
   * Takes in an entity that nobody has edited, because it is referred to and was never told.
   *
   * @param array $row
   *   The journal row that was written for it.
   * @param array|null $state
   *   Its row of civicrm_share_entity, if it was told to others.
   */
  public function takeIn(ChangeType $type, array $row, ?array $state = NULL): void {
    if ($state !== NULL) {
      $this->states[$type->entity][(int) $row['entity_id']] = $state;
    }
    $this->close[(int) $row['id']] = TRUE;
    $this->groupOf($type, (int) $row['entity_id'])->add($type, $row);
    $this->takenIn[$type->entity . ':' . $row['entity_id']] = count($this->takenIn) + 1;
  }

  /**
   * Those that are absorbed come before who absorbs them: what was edited of them before the merge still counts.
   *
   * @return Group[]
   */
  public function groups(ChangeType $type): array {
    $groups = $this->groups[$type->name] ?? [];
    uasort($groups, function (Group $a, Group $b) use ($type): int {
      return ($this->absorbedAt($type, $a->id) ?? PHP_INT_MAX) <=> ($this->absorbedAt($type, $b->id) ?? PHP_INT_MAX);
    });
    return $groups;
  }

  /**
   * The row of the merge that has ended an entity, NULL if none has.
   */
  public function absorbedAt(ChangeType $type, int $entity): ?int {
    return $this->absorbedAt[$type->name][$entity] ?? NULL;
  }

  /**
   * What an entity has become by the merges of this batch: itself, if there are none.
   */
  public function survivor(ChangeType $type, int $entity): int {
    $absorbedBy = $this->absorbedBy[$type->name] ?? [];
    for ($steps = count($absorbedBy); $steps > 0 && isset($absorbedBy[$entity]); $steps--) {
      $entity = $absorbedBy[$entity];
    }
    return $entity;
  }

  public function group(ChangeType $type, int $entity): ?Group {
    return $this->groups[$type->name][$entity] ?? NULL;
  }

  /**
   * Those of which it has not been read yet what they hold.
   *
   * @return Group[][]
   *   By type, then by entity.
   */
  public function unread(): array {
    return array_filter(array_map(function (array $groups): array {
      return array_filter($groups, function (Group $group): bool {
        return !$group->read;
      });
    }, $this->groups));
  }

  /**
   * @return string[]
   *   Names of types.
   */
  public function types(): array {
    return array_keys($this->groups);
  }

  private function groupOf(ChangeType $type, int $entity): Group {
    return $this->groups[$type->name][$entity] ??= new Group($type, $entity, $this->states[$type->entity][$entity] ?? NULL, $this->derived);
  }

  /**
   * An entity of which nothing is left.
   */
  public function ended(ChangeType $type, int $entity): Group {
    $group = $this->groupOf($type, $entity);
    $group->deleted = TRUE;
    return $group;
  }

  public function stateOf(ChangeType $type, int $entity): ?string {
    return $this->states[$type->entity][$entity]['state'] ?? NULL;
  }

  /**
   * Takes what Core::settle() made of an entity's rows.
   *
   * @param int $order
   *   Where the changes stand among those of the batch.
   * @param bool $merged
   *   The entity has got UIDs of another one.
   */
  public function told(Group $group, ?array $settled, int $order, bool $merged = FALSE): void {
    if ($settled === NULL) {
      return;
    }
    $key = $group->entity . ':' . $group->id;
    $group->kept = [
      'id' => $group->kept['id'] ?? NULL,
      'entity_type' => $group->entity,
      'entity_id' => $group->deleted ? NULL : $group->id,
      'uid' => $group->kept['uid'] ?? $settled['uid'],
      'state' => $settled['state'],
      'uids' => $merged || !isset($group->kept['id']) ? $settled['uids'] : $this->save[$key]['uids'] ?? NULL,
    ];
    $this->states[$group->entity][$group->id] = $group->kept;
    $this->save[$key] = $group->kept;
    $this->changes[$key][] = [
      'order' => isset($this->takenIn[$key]) ? -$this->takenIn[$key] : $order,
      'changes' => Identity::into($group->type, $group->id, $settled['changes']),
    ];
  }

  /**
   * Where it may go, before it is told so: it may have entered a filter or left it.
   */
  public function passes(ChangeType $type, Group $group, Pass $pass): void {
    $this->moves->note($type, $group->id, $pass, $group->state(), $group->created);
  }

  public function hasTakenIn(ChangeType $type, int $entity): bool {
    return isset($this->takenIn[$type->entity . ':' . $entity]);
  }

  /**
   * Another entity has taken this one in.
   */
  public function absorb(ChangeType $type, int $entity): void {
    $id = $this->states[$type->entity][$entity]['id'] ?? NULL;
    if ($id !== NULL) {
      $this->absorbed[] = (int) $id;
    }
    unset($this->states[$type->entity][$entity], $this->save[$type->entity . ':' . $entity]);
    // Its trashing is a part of the merge.
    if (Mode::isLog()) {
      Sieve::know($type, [$entity]);
    }
  }

  /**
   * In the order of the journal, what was taken in before everything else and the last of it first: so nothing arrives before what
   * it can not be without.
   *
   * @return array[]
   */
  public function changes(): array {
    $changes = array_merge([], ...array_values($this->changes));
    usort($changes, function (array $a, array $b): int {
      return $a['order'] <=> $b['order'];
    });
    return array_merge([], ...array_column($changes, 'changes'));
  }

  /**
   * Leaves an entity's rows open.
   */
  public function skip(Group $group): void {
    foreach ($group->ids as $id) {
      unset($this->close[$id]);
    }
    $key = $group->entity . ':' . $group->id;
    unset($this->save[$key], $this->changes[$key]);
  }

  /**
   * Writes states, changes and rows.
   *
   * @return array<int, array[]>
   *   The row that carries the changes => the changes. Empty if there are none.
   */
  public function write(): array {
    if ($this->save !== []) {
      States::save($this->save);
    }
    foreach ($this->absorbed as $id) {
      States::delete($id);
    }
    $this->moves->write();
    return Journal::settle(array_keys($this->close), $this->changes());
  }

  /**
   * Writes an edit of one entity whose state was read without a lock, if it is still the same.
   *
   * @param array $read
   *   Its row of civicrm_share_entity.
   *
   * @return array<int, array[]>
   *   As write() gives it.
   *
   * @throws \Civi\Share\DbException
   *   With code CHANGED if it is another one.
   */
  public function writeOne(array $read): array {
    States::replace((int) $read['id'], (string) $read['state'], (string) reset($this->save)['state']);
    return Journal::settle(array_keys($this->close), $this->changes());
  }

  /**
   * Is a new state of one known entity all that there is to write?
   */
  public function isPlain(): bool {
    return count($this->save) === 1 && reset($this->save)['uids'] === NULL && $this->absorbed === [] && $this->moves->isEmpty();
  }

}

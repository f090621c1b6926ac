<?php
declare(strict_types = 1);

namespace Civi\Share\Resync;

use Civi\Share\Apply\Transaction;
use Civi\Share\Db;
use Civi\Share\DbException;
use Civi\Share\Filter\Gate;
use Civi\Share\Filter\Moves;
use Civi\Share\Filter\Pass;
use Civi\Share\Filter\Reach;
use Civi\Share\Journal\Sieve;
use Civi\Share\LocalNode;
use Civi\Share\Native;
use Civi\Share\Peering;
use Civi\Share\Settle\Identity;
use Civi\Share\Settle\Settler;
use Civi\Share\Settle\States;
use Civi\Share\Type\ChangeType;
use Civi\Share\Type\Reader;
use Civi\Share\Type\Registry;
use CiviShare\Core;

/**
 * Tells one peering everything that it is let, with the versions that are held: entities, their UIDs and merges, tombstones. A batch at a time,
 * so that memory stays flat however many there are.
 */
final class Push {

  const BATCH = 200;

  /**
   * Of these each may have some hundred kB.
   */
  const FILES = 20;

  /**
   * One version names one value: an entity that is being edited is read again, so often.
   */
  const TRIES = 4;

  /**
   * @var array<string, ChangeType[]>
   *   By entity: what the peering lets out.
   */
  private array $types = [];

  /**
   * @param string $run
   *   UUID of this resynchronisation: the changes' IDs come from it.
   * @param string|null $only
   *   The one change type that is asked for, instead of all.
   */
  public function __construct(private readonly Peering $peering, private readonly string $run, private readonly ?string $only = NULL) {
    foreach (Registry::active() as $type) {
      if (array_key_exists($type->name, $peering->typesOut) && ($only === NULL || $only === $type->name)) {
        $this->types[$type->entity][] = $type;
      }
    }
  }

  /**
   * @param int $after
   *   The last row of civicrm_share_entity that is done.
   *
   * @return array
   *   [the last row now, NULL if there are no more; how many entities]
   */
  public function batch(int $after): array {
    $rows = $this->types === [] ? [] : Db::rows("SELECT id, entity_type, entity_id FROM civicrm_share_entity
      WHERE id > $after AND entity_type IN (" . Db::quoteAll(array_keys($this->types)) . ') ORDER BY id LIMIT ' . self::BATCH);
    if ($rows === []) {
      return [NULL, 0];
    }
    $rows = self::light($rows);
    Native::store()->enqueue($this->changes($rows));
    return [(int) end($rows)['id'], count($rows)];
  }

  /**
   * @param array[] $rows
   *   Of civicrm_share_entity, of the types that the peering is let: ['id', 'entity_type', 'entity_id'].
   *
   * @return array[]
   *   What is held of them, as changes; the peering counts as knowing them from now on.
   */
  public function changes(array $rows): array {
    $try = 0;
    return Db::transaction(
      function () use ($rows, &$try): int {
        $this->settle($rows);
        if (Transaction::mayReadCommitted()) {
          Db::run('SET TRANSACTION ISOLATION LEVEL READ COMMITTED');
        }
        return ++$try;
      },
      function (int $try) use ($rows): array {
        return $this->push($rows, $try >= self::TRIES);
      }
    );
  }

  /**
   * No more rows than memory has room for.
   */
  private static function light(array $rows): array {
    $files = 0;
    foreach ($rows as $number => $row) {
      $files += $row['entity_type'] === 'File' ? 1 : 0;
      if ($files > self::FILES) {
        return array_slice($rows, 0, $number);
      }
    }
    return $rows;
  }

  /**
   * What was edited and is not recorded yet would go out under the versions of the values before.
   */
  private function settle(array $rows): void {
    foreach ($this->entities($rows) as $entity => $ids) {
      foreach ($this->types[$entity] as $type) {
        Sieve::look($type, $ids);
      }
      Settler::publish(Settler::forLocalEdits()->matching('j.cause IS NULL AND ' . $this->journal($entity, $ids)));
    }
  }

  /**
   * @param bool $last
   *   Leave out what is still being edited, instead of trying once more: its row of the journal can not be settled.
   *
   * @return array[]
   *   Changes for the outbox.
   */
  private function push(array $rows, bool $last): array {
    $states = States::lock(array_map('intval', array_column($rows, 'id')));
    $values = [];
    $gate = new Gate($this->peering);
    $moves = new Moves();
    foreach ($this->entities($rows) as $entity => $ids) {
      foreach ($this->types[$entity] as $type) {
        $values[$type->name] = Reader::read($type, $ids);
        $gate->look($type, $ids);
      }
    }
    $open = $this->open($rows);
    if ($open !== [] && !$last) {
      throw new DbException('Somebody is editing what is pushed.', DbException::CHANGED);
    }
    $save = $changes = [];
    foreach ($states as $state) {
      if (!isset($open[$state['entity_type']][$state['entity_id'] ?? 0])) {
        foreach ($this->types[$state['entity_type']] as $number => $type) {
          $pass = $state['entity_id'] === NULL ? $this->passOfGone($type) : $gate->pass($type, (int) $state['entity_id']);
          if ($pass->outside !== [] && $state['entity_id'] !== NULL && $this->only !== NULL) {
            // Who asks for it is answered as if it were not there.
            continue;
          }
          $held = $values[$type->name][$state['entity_id'] ?? 0] ?? NULL;
          if ($held !== NULL) {
            $moves->note($type, (int) $state['entity_id'], $pass, $state['state']);
          }
          $pushed = $this->one($type, $number, $state, $held, $pass);
          $state['state'] = $pushed['state'] ?? $state['state'];
          $changes = array_merge($changes, Identity::into($type, (int) $state['entity_id'], $pushed['changes'] ?? []));
        }
        $save[] = ['uids' => NULL] + $state;
      }
    }
    States::save($save);
    $moves->write();
    return $changes;
  }

  /**
   * What is gone fits no filter any more: it is told of if it was shared.
   */
  private function passOfGone(ChangeType $type): Pass {
    return Reach::isFree($this->peering, $type) ? new Pass([$this->peering->id]) : new Pass([], [$this->peering->id]);
  }

  private function one(ChangeType $type, int $number, array $state, ?array $values, Pass $pass): ?array {
    if ($state['entity_id'] !== NULL && $values === NULL) {
      // It is gone, and the row of its deletion is still to come.
      return NULL;
    }
    return Core::push([
      'node' => LocalNode::identifier(),
      'instance' => $this->run,
      'row' => 100 * $state['id'] + $number,
      'type' => $type->name,
      'entity' => $type->entity,
      'reference' => (string) $state['entity_id'],
      'time' => (int) (microtime(TRUE) * 1000),
      'state' => $state['state'],
      'peering' => $this->peering->id,
      'outside' => $pass->outside,
      'withdraw' => $pass->withdraw,
      'all' => $values ?? [],
      'defaults' => $type->defaults(),
    ]);
  }

  /**
   * @return array<string, array<int, bool>>
   *   Entity type => entities with open rows.
   */
  private function open(array $rows): array {
    $open = [];
    foreach ($this->entities($rows) as $entity => $ids) {
      $found = Db::rows('SELECT DISTINCT j.entity_id FROM civicrm_share_journal j WHERE j.payload IS NULL AND NOT (j.cause <=> ' . Db::quote(Moves::CAUSE) . ') AND ' . $this->journal($entity, $ids) .
        (Transaction::mayReadCommitted() ? '' : ' LOCK IN SHARE MODE'));
      $open[$entity] = array_fill_keys(array_column($found, 'entity_id'), TRUE);
    }
    return array_filter($open);
  }

  private function journal(string $entity, array $ids): string {
    $tables = [];
    foreach ($this->types[$entity] as $type) {
      $tables = array_merge($tables, array_keys($type->tables()));
    }
    return 'j.table_name IN (' . Db::quoteAll(array_unique($tables)) . ') AND j.entity_id IN (' . implode(',', $ids) . ')';
  }

  /**
   * @return array<string, int[]>
   *   Entity type => those that are not deleted.
   */
  private function entities(array $rows): array {
    $entities = [];
    foreach ($rows as $row) {
      if ($row['entity_id'] !== NULL) {
        $entities[$row['entity_type']][] = (int) $row['entity_id'];
      }
    }
    return $entities;
  }

}

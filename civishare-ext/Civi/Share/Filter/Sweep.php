<?php
declare(strict_types = 1);

namespace Civi\Share\Filter;

use Civi\Share\Db;
use Civi\Share\Instance;
use Civi\Share\Native;
use Civi\Share\Peering;
use Civi\Share\Settle\Settler;
use Civi\Share\Trouble;
use Civi\Share\Type\ChangeType;
use Civi\Share\Type\Registry;
use CRM_Share_ExtensionUtil as E;

/**
 * Goes through all entities of every filtered type, a batch at a time, and finds those that have entered a filter or left it without
 * being edited: a contact has joined a group or lost a tag, a birthday has come, the filter itself is another one.
 *
 * What was in the filter last time stands in civicrm_share_passed; how far a round has come, beside the other facts of this site, so
 * that the next run goes on there. One round a run of the job, as long as time allows.
 */
final class Sweep {

  const PREFIX = 'filter:';

  const BATCH = 1000;

  /**
   * Only one job sweeps at a time. Milliseconds after which another takes over from one that died.
   */
  const LEASE_MS = 300000;

  private array $plan;

  private readonly string $fact;

  /**
   * @param Filter|null $filter
   *   NULL once there is none any more: everything goes out then, once more a round.
   */
  private function __construct(
    private readonly Peering $peering,
    private readonly ChangeType $type,
    private readonly ?Filter $filter,
  ) {
    $this->fact = self::fact($peering->id, $type->name);
    $plan = (array) json_decode((string) Instance::fact($this->fact), TRUE);
    if (($plan['hash'] ?? NULL) !== self::hash($filter)) {
      $plan = [];
    }
    $this->plan = $plan + ['type' => $type->name, 'hash' => self::hash($filter), 'after' => 0, 'complete' => FALSE];
  }

  /**
   * Has everything been looked at since this filter was set?
   */
  public static function isComplete(Peering $peering, string $type, Filter $filter): bool {
    $plan = (array) json_decode((string) Instance::fact(self::fact($peering->id, $type)), TRUE);
    return ($plan['hash'] ?? NULL) === self::hash($filter) && !empty($plan['complete']);
  }

  /**
   * @return string[]
   *   Sentences for the job log.
   */
  public static function run(float $deadline): array {
    $sweeps = self::all();
    if ($sweeps === [] || !Native::store()->lease('filter', self::LEASE_MS)) {
      return [];
    }
    $sentences = [];
    try {
      foreach ($sweeps as $sweep) {
        try {
          $moved = $sweep->round($deadline);
        }
        catch (\Throwable $e) {
          // One filter that can not be asked must not hold up the others.
          Trouble::note('record', $e);
          continue;
        }
        if ($moved > 0 || $sweep->plan['after'] > 0) {
          $sentences[] = E::ts('%1: %2 of %3 have entered the filter or left it.', [1 => $sweep->peering->label, 2 => $moved, 3 => $sweep->type->name]) .
            ($sweep->plan['after'] > 0 ? ' ' . E::ts('The rest is looked at in the next run.') : '');
        }
      }
    }
    finally {
      Native::store()->release('filter');
    }
    return $sentences;
  }

  /**
   * Forgets a peering.
   */
  public static function cancel(int $peering): void {
    Db::run("DELETE FROM civicrm_share_passed WHERE peering_id = $peering");
    Db::run('DELETE FROM civicrm_share_instance WHERE name LIKE ' . Db::quote(self::PREFIX . "$peering:%"));
  }

  /**
   * @return self[]
   */
  private static function all(): array {
    $sweeps = [];
    foreach (Peering::enabled() as $peering) {
      foreach ($peering->filters as $name => $filter) {
        $type = Registry::type($name);
        if ($type !== NULL) {
          $sweeps[] = new self($peering, $type, $filter);
        }
      }
    }
    // Filters that were taken away.
    foreach (Db::rows('SELECT name, value FROM civicrm_share_instance WHERE name LIKE ' . Db::quote(self::PREFIX . '%')) as $row) {
      $peering = Peering::enabled()[(int) explode(':', $row['name'])[1]] ?? NULL;
      $type = Registry::type((string) (json_decode($row['value'], TRUE)['type'] ?? ''));
      if ($peering !== NULL && $type !== NULL && !isset($peering->filters[$type->name])) {
        $sweeps[] = new self($peering, $type, NULL);
      }
    }
    return $sweeps;
  }

  /**
   * @return int
   *   How many have entered or left.
   */
  private function round(float $deadline): int {
    if ($this->filter === NULL && !array_key_exists($this->type->name, $this->peering->typesOut)) {
      $this->finish();
      return 0;
    }
    $computed = $this->filter === NULL ? NULL : ComputedGroups::of($this->filter)?->refresh();
    $moved = 0;
    do {
      $stamp = $computed?->stamp();
      $batch = $this->next($computed);
      if ($computed !== NULL && ($stamp === NULL || $stamp !== $computed->stamp())) {
        // Somebody is computing a group just now: who is in it shows next time.
        return $moved;
      }
      $this->write($batch);
      $moved += count($batch['moved']);
      if ($batch['moved'] !== []) {
        Settler::forLocalEdits()->leftBehind();
        Settler::publishLeftovers();
      }
    } while ($this->plan['after'] > 0 && microtime(TRUE) < $deadline);
    if ($this->filter === NULL && $this->plan['after'] === 0) {
      $this->finish();
    }
    return $moved;
  }

  /**
   * @return array
   *   ['moved' => int[], 'entered' => int[], 'left' => int[], 'after' => where the next batch begins, 0 after the last one]
   */
  private function next(?ComputedGroups $computed): array {
    $after = (int) $this->plan['after'];
    [$table, $key, $entity] = [$this->type->table, $this->type->key, $this->type->entity];
    $ids = array_map('intval', array_column(Db::rows("SELECT `$key` id FROM `$table` WHERE `$key` > $after ORDER BY `$key` LIMIT " . self::BATCH), 'id'));
    $last = count($ids) < self::BATCH ? 0 : end($ids);
    $range = "entity_id > $after" . ($last === 0 ? '' : " AND entity_id <= $last") . ' AND entity_type = ' . Db::quote($entity);
    $fitting = $this->filter === NULL ? $ids : Members::fittingNow($this->type, $this->filter, $ids, $computed);
    $passed = array_map('intval', array_column(Db::rows("SELECT entity_id FROM civicrm_share_passed WHERE $range AND peering_id = " . $this->peering->id), 'entity_id'));
    $entered = $this->withoutUnknownTrash(array_values(array_diff($fitting, $passed)));
    $left = array_values(array_diff($passed, $fitting));
    $moved = array_merge($entered, array_intersect($left, $ids));
    if (!$this->plan['complete'] && $this->filter !== NULL) {
      // As long as there was another filter or none, others may have been shared.
      $shared = array_map('intval', array_column(Db::rows("SELECT entity_id FROM civicrm_share_entity WHERE $range"), 'entity_id'));
      $moved = array_merge($moved, array_intersect(array_diff($shared, $fitting), $ids));
    }
    return ['moved' => array_values(array_unique($moved)), 'entered' => $entered, 'left' => $left, 'after' => $last];
  }

  /**
   * A contact in the trash of whom no peer has heard is not brought to any: it may have been merged into another.
   *
   * @param int[] $ids
   *
   * @return int[]
   */
  private function withoutUnknownTrash(array $ids): array {
    if ($ids === [] || $this->type->entity !== 'Contact') {
      return $ids;
    }
    return array_map('intval', array_column(Db::rows("SELECT c.id FROM civicrm_contact c
      LEFT JOIN civicrm_share_entity e ON e.entity_type = 'Contact' AND e.entity_id = c.id
      WHERE c.id IN (" . implode(',', $ids) . ') AND (c.is_deleted = 0 OR e.id IS NOT NULL)'), 'id'));
  }

  private function write(array $batch): void {
    $this->plan = ['after' => $batch['after'], 'complete' => $this->plan['complete'] || $batch['after'] === 0] + $this->plan;
    Db::once(function () use ($batch): void {
      Moves::touch($this->type, $batch['moved']);
      Moves::pass($this->peering->id, $this->type->entity, $batch['entered']);
      Moves::forget($this->peering->id, $this->type->entity, $batch['left']);
      Instance::note($this->fact, json_encode($this->plan));
    });
  }

  /**
   * There is no filter any more, and all that it kept back has been told.
   */
  private function finish(): void {
    Db::run('DELETE FROM civicrm_share_passed WHERE peering_id = ' . $this->peering->id . ' AND entity_type = ' . Db::quote($this->type->entity));
    Instance::note($this->fact, NULL);
  }

  /**
   * Of a type's name only so much that it fits.
   */
  private static function fact(int $peering, string $type): string {
    return self::PREFIX . $peering . ':' . md5($type);
  }

  private static function hash(?Filter $filter): string {
    return $filter === NULL ? '' : md5(json_encode($filter->conditions(), JSON_THROW_ON_ERROR));
  }

}

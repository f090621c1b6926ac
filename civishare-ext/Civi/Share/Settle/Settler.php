<?php
declare(strict_types = 1);

namespace Civi\Share\Settle;

use Civi\Share\Apply\Waiting;
use Civi\Share\Db;
use Civi\Share\DbException;
use Civi\Share\Filter\Gate;
use Civi\Share\Filter\Pass;
use Civi\Share\Instance;
use Civi\Share\Journal\Found;
use Civi\Share\Journal\Journal;
use Civi\Share\LocalNode;
use Civi\Share\Native;
use Civi\Share\Peering;
use Civi\Share\Trouble;
use Civi\Share\Type\ChangeType;
use Civi\Share\Type\Raw;
use Civi\Share\Type\Reader;
use Civi\Share\Type\References;
use Civi\Share\Type\Registry;
use CiviShare\Core;

/**
 * Turns open journal rows into versions and changes: with the entity's state locked, in one transaction, and then to the outbox.
 *
 * Used for what a request has edited, for what was left behind by processes that died and by raw SQL, and for what hooks do while a
 * received change is applied.
 */
final class Settler {

  /**
   * Rows a transaction: it holds locks that other saves may wait for.
   */
  const ROWS = 500;

  /**
   * A row this old is nobody's any more, even if its connection lives.
   */
  const LEFT_BEHIND_MS = 60000;

  /**
   * @param array<string, array<int, array<string, string|null>>> $before
   *   Table => entity => column => raw value before, as far as it is known.
   * @param string[] $chain
   *   Loop signatures of the changes that caused this; none for a person's edit.
   * @param array<int, array<string, string>> $seen
   *   Entity => attribute => the peer's version that the person had before them.
   */
  private function __construct(
    private readonly array $before,
    private readonly array $chain,
    private readonly array $seen = [],
  ) {
  }

  public static function forLocalEdits(array $before = []): self {
    return new self($before, []);
  }

  /**
   * @param string[] $chain
   */
  public static function causedBy(array $chain): self {
    return new self([], $chain);
  }

  /**
   * For a decision between two values.
   *
   * @param array<int, array<string, string>> $seen
   */
  public static function knowing(array $seen): self {
    return new self([], [], $seen);
  }

  /**
   * Settles what this request has committed. The outbox comes later: no request waits for it.
   *
   * @return int|null
   *   Number of changes. NULL if a transaction is open: nothing is done then.
   */
  public function ofThisRequest(): ?int {
    $where = Journal::thisRequest() . ' AND j.cause IS NULL';
    $found = $this->find($where);
    if ($found->inTransaction() ?? Db::inTransaction()) {
      return NULL;
    }
    return $this->one($found) ?? $this->all($where);
  }

  /**
   * Settles what nobody else will: rows of ended connections, and old ones.
   *
   * @return int
   *   Number of changes.
   */
  public function leftBehind(): int {
    return $this->all('(j.time_ms < ' . ((int) (microtime(TRUE) * 1000) - self::LEFT_BEHIND_MS) .
      ' OR j.connection_id NOT IN (SELECT ID FROM information_schema.PROCESSLIST))', TRUE);
  }

  /**
   * Settles rows in a transaction of its own.
   *
   * @param string $where
   *   As for Journal::find().
   *
   * @return array<int, array[]>
   *   As within() gives it.
   */
  public function matching(string $where): array {
    return Db::transaction(
      function () use ($where): Found {
        return $this->find($where);
      },
      function (Found $found): array {
        return $this->within($found);
      }
    );
  }

  /**
   * Open rows, to be handed to within().
   *
   * @param string $where
   *   As for Journal::find().
   */
  public function find(string $where): Found {
    return $this->withMerged(Journal::find($where, self::ROWS));
  }

  /**
   * Adds what is open besides of what is merged, whoever has left it: the creation of the absorbed one has to be told before the merge,
   * and what comes after the merge, the trashing of a contact above all, is a part of it and is not to be told alone.
   */
  private function withMerged(Found $found): Found {
    $known = [];
    while ($this->chain === [] && ($merged = $found->merged()) !== $known) {
      foreach ($merged as $entity => $ids) {
        $news = array_diff($ids, $known[$entity] ?? []);
        if ($news !== []) {
          $found = $found->with(Journal::openOf(Registry::ofEntity($entity), $news, $found->ids()));
        }
      }
      $known = $merged;
    }
    return $found;
  }

  /**
   * Settles rows inside a transaction that the caller has begun and will commit.
   *
   * @return array<int, array[]>
   *   Row that carries them => changes; to be handed to publish() after the commit.
   */
  public function within(Found $found): array {
    $states = [];
    $ids = [];
    foreach ($found->states as $ofType) {
      $ids = array_merge($ids, array_map('intval', array_column($ofType, 'id')));
    }
    // Only now, with the states locked, is it read what the entities hold: nobody settles a later edit meanwhile.
    foreach (States::lock($ids) as $state) {
      $states[$state['entity_type']][(int) $state['entity_id']] = $state;
    }
    $batch = new Batch($found->rows, $states, $this->chain !== []);
    $this->settle($batch);
    return $batch->write();
  }

  /**
   * Puts settled changes into the outbox, once they are committed; what was settled before and has not got there goes first.
   *
   * @param array<int, array[]> $carried
   *   As within() gives it.
   */
  public static function publish(array $carried): void {
    if ($carried !== []) {
      self::publishLeftovers();
    }
  }

  /**
   * Puts into the outbox what was settled and is not there yet, then closes its rows. Doing it twice does no harm.
   *
   * @return int
   *   Number of changes.
   */
  public static function publishLeftovers(): int {
    $changes = 0;
    while (($carried = Journal::settled(50)) !== []) {
      Native::store()->enqueue(array_merge(...array_values($carried)));
      Db::again(function () use ($carried): void {
        Journal::delete(array_keys($carried));
      });
      $changes += array_sum(array_map('count', $carried));
    }
    return $changes;
  }

  /**
   * @param bool $toTheEnd
   *   Settling writes rows itself, for what belongs to an entity that has entered a filter or left it: those as well.
   */
  private function all(string $where, bool $toTheEnd = FALSE): int {
    $changes = 0;
    $after = 0;
    do {
      $read = Journal::find($after === 0 ? $where : "j.id > $after AND $where", self::ROWS);
      $found = $this->withMerged($read);
      $changes += $this->chunk($found->ids(), $found->byEntity());
      // Rows that could not be settled stay open; the next round begins behind them.
      $after = $read->isEmpty() ? 0 : max($read->ids());
    } while ($toTheEnd ? !$read->isEmpty() : $read->count() === self::ROWS);
    return $changes;
  }

  /**
   * The ordinary case, an edit of one entity that is shared already: it is worked out without a lock, and written if nobody has
   * written the state meanwhile.
   *
   * @return int|null
   *   Number of changes; NULL if it is not that case, or somebody else was quicker.
   */
  private function one(Found $found): ?int {
    $states = $found->states;
    if (count($states) !== 1 || count(current($states)) !== 1 || count($found->byEntity()) !== 1) {
      return NULL;
    }
    foreach ($found->rows as $row) {
      if ($row['operation'] !== 'U') {
        return NULL;
      }
    }
    $batch = new Batch($found->rows, $states);
    if (!$this->settle($batch, FALSE) || !$batch->isPlain()) {
      return NULL;
    }
    try {
      // First the state: if the process dies between the two, the rows are still open, and the same is recorded once more.
      $batch->writeOne(current(current($states)));
      return count($batch->changes());
    }
    catch (DbException $e) {
      return NULL;
    }
  }

  /**
   * All rows at once, or, if that fails, those of each entity alone: one that can not be recorded must not hold up the others.
   *
   * @param int[] $ids
   * @param int[][] $entities
   */
  private function chunk(array $ids, array $entities): int {
    if ($ids === []) {
      return 0;
    }
    try {
      return array_sum(array_map('count', $this->matching('j.id IN (' . implode(',', $ids) . ')')));
    }
    catch (\Throwable $e) {
      if (count($entities) === 1) {
        Trouble::note('record', $e);
        return 0;
      }
      return array_sum(array_map(function (array $rows): int {
        return $this->chunk($rows, [$rows]);
      }, $entities));
    }
  }

  /**
   * @param Batch $batch
   * @param bool $mayTakeIn
   *   May what is referred to and was never told be told along? It takes a transaction.
   *
   * @return bool
   *   FALSE if something would have had to be taken in.
   */
  private function settle(Batch $batch, bool $mayTakeIn = TRUE): bool {
    $references = new References();
    $gate = new Gate();
    $read = [];
    while (($unread = $batch->unread()) !== []) {
      foreach ($unread as $name => $groups) {
        $type = Registry::type($name);
        $gate->look($type, array_keys(array_filter($groups, function (Group $group): bool {
          return !$group->deleted;
        })));
        $raws = $this->readAfter($type, $groups, $batch, $gate);
        foreach (array_keys(array_diff_key($groups, ...array_column($raws, 'rows'))) as $id) {
          // What is referred to need not be there: not every reference has a foreign key.
          $references->deny($type->entity, $id);
        }
        foreach ($raws as $raw) {
          $read[$name][] = $raw;
          if (!$this->follow($references, $batch, $gate, $raw, $mayTakeIn)) {
            return FALSE;
          }
        }
      }
    }
    foreach ($batch->types() as $name) {
      $after = [];
      foreach ($read[$name] ?? [] as $raw) {
        $after += $raw->values($references);
      }
      $this->type(Registry::type($name), $batch, $gate, $after, $references);
    }
    return TRUE;
  }

  /**
   * Gives a UID to everything that is referred to and has none: it is told in the same batch, before what refers to it, to those whose
   * filters let it out. To the others the UID alone says nothing, and the reference is whole should it enter their filter later.
   */
  private function follow(References $references, Batch $batch, Gate $gate, Raw $raw, bool $mayTakeIn): bool {
    // What is told to nobody brings nothing along.
    $rows = array_filter($raw->rows, function (int $id) use ($batch, $gate, $raw): bool {
      $group = $batch->group($raw->type, $id);
      return $group === NULL || $group->state() !== NULL || self::pass($batch, $gate, $raw->type, $group)->peerings !== [];
    }, ARRAY_FILTER_USE_KEY);
    foreach ($references->meet($raw->attributes(), $rows) as $entity => $ids) {
      $type = Registry::ofEntity($entity);
      if ($type === NULL || Peering::lettingOut($type->name) === []) {
        continue;
      }
      foreach ($ids as $id) {
        $group = $batch->group($type, $id);
        if ($group === NULL && !$mayTakeIn) {
          return FALSE;
        }
        if ($group === NULL) {
          self::takeIn($batch, $type, $id);
        }
        if ($group === NULL || !$group->deleted) {
          $references->promise($entity, $id);
        }
      }
    }
    return self::followEntered($references, $batch, $gate, $mayTakeIn);
  }

  /**
   * A peering with a filter is told along what it lacks: what has entered the filter unnoticed so far, and what was shared with others
   * before.
   */
  private static function followEntered(References $references, Batch $batch, Gate $gate, bool $mayTakeIn): bool {
    foreach ($gate->bound() === [] ? [] : $references->met() as $entity => $states) {
      $type = Registry::ofEntity($entity);
      if ($type === NULL) {
        continue;
      }
      $gate->look($type, array_keys($states));
      foreach ($states as $id => $state) {
        $bound = array_values(array_intersect($gate->pass($type, $id)->peerings, $gate->bound()));
        if ($bound === [] || $batch->group($type, $id) !== NULL || !Core::wants($state['state'], $bound)) {
          continue;
        }
        if (!$mayTakeIn) {
          return FALSE;
        }
        self::takeIn($batch, $type, $id, States::lock([(int) $state['id']])[0] ?? NULL);
      }
    }
    return TRUE;
  }

  /**
   * @param array|null $state
   *   Its row of civicrm_share_entity, locked.
   */
  private static function takeIn(Batch $batch, ChangeType $type, int $id, ?array $state = NULL): void {
    $row = Journal::add($type->table, $id, 'U', NULL);
    $batch->takeIn($type, ['id' => $row, 'entity_id' => $id, 'table_name' => $type->table, 'operation' => 'U', 'columns' => '', 'time_ms' => (int) (microtime(TRUE) * 1000)], $state);
  }

  private function type(ChangeType $type, Batch $batch, Gate $gate, array $after, References $references): void {
    foreach ($batch->groups($type) as $id => $group) {
      if ($type->entity === 'Contact' && $batch->absorbedAt($type, $id) !== NULL && isset($after[$id]['is_deleted'])) {
        // CiviCRM merges nobody who is in the trash: that came with the merge, and has been read too late.
        $after[$id]['is_deleted'] = FALSE;
      }
      try {
        $this->entity($type, $batch, $group, $after[$id] ?? NULL, $gate, $references->promised($type->entity, $id));
      }
      catch (\CiviShare\Exception $e) {
        // One entity that can not be told of must not hold up the others. Its rows stay open.
        $batch->skip($group);
        Trouble::note('record', $e);
      }
    }
  }

  /**
   * Current values: all of entities that are new to a peering, of the others what was touched.
   *
   * @param Group[] $groups
   *
   * @return Raw[]
   */
  private function readAfter(ChangeType $type, array $groups, Batch $batch, Gate $gate): array {
    $whole = $partly = $names = [];
    foreach ($groups as $id => $group) {
      $group->read = TRUE;
      if ($group->deleted) {
        continue;
      }
      if ($group->created || $group->merges !== [] || Core::wants($group->state(), self::pass($batch, $gate, $type, $group)->peerings)) {
        $whole[] = $id;
      }
      else {
        $partly[] = $id;
        $names += $group->names();
      }
      if (!$group->created) {
        $this->overwritten($type, $group);
      }
    }
    return [Reader::raw($type, $whole), Reader::raw($type, $partly, array_keys($names))];
  }

  /**
   * A person has given a value to a reference that waited for its target: that one counts now.
   */
  private function overwritten(ChangeType $type, Group $group): void {
    $names = array_keys($type->referencesAmong(array_keys($group->names())));
    if ($this->chain === [] && $names !== []) {
      Waiting::forget($type->entity, $group->id, $names);
    }
  }

  /**
   * Where an entity may go. Whoever has it is told that it is gone, whatever the filters say; what is told of one that was absorbed goes
   * where its survivor goes, and what becomes of the peers' copies is the merge's to say.
   */
  private static function pass(Batch $batch, Gate $gate, ChangeType $type, Group $group): Pass {
    if ($group->deleted) {
      return new Pass(Peering::lettingOut($type->name));
    }
    $survivor = $batch->survivor($type, $group->id);
    $pass = $gate->pass($type, $survivor);
    return $survivor === $group->id ? $pass : new Pass($pass->peerings);
  }

  private function entity(ChangeType $type, Batch $batch, Group $group, ?array $after, Gate $gate, ?string $uid): void {
    $pass = self::pass($batch, $gate, $type, $group);
    $facts = [
      'uid' => $uid,
      'node' => LocalNode::identifier(),
      'instance' => Instance::id(),
      'type' => $type->name,
      'entity' => $type->entity,
      'reference' => (string) $group->id,
      'before' => $this->before($type, $group),
      'after' => self::told($type, $after ?? []),
      'defaults' => $type->defaults(),
      'chain' => $this->chain,
      'seen' => $this->seen[$group->id] ?? [],
    ] + $pass->facts();
    if ($group->deleted || $after === NULL) {
      self::alongWith($type, $batch, $group, $facts);
    }
    if (!$group->deleted && ($after === NULL || self::lacksRequired($type, $after))) {
      // It is gone already, and the row of its deletion comes later; or nobody over there could make anything of it.
      return;
    }
    if ($group->state() === NULL && $pass->peerings === [] && !$batch->hasTakenIn($type, $group->id) && $group->merges === []) {
      // It is told to nobody and nobody has heard of it, so it needs no UID.
      return;
    }
    $batch->passes($type, $group, $pass);
    $steps = $absorbs = [];
    foreach ($group->deleted ? [] : $group->merges as $absorbed => $row) {
      $gone = $batch->stateOf($type, $absorbed);
      if ($gone !== NULL) {
        $absorbs[$row['id']] = $absorbed;
        $steps[$row['id']] = ['operation' => 'merge', 'rows' => [$row], 'merged_state' => $gone];
      }
    }
    if ($group->rows !== [] && (!$group->deleted || $group->state() !== NULL)) {
      $steps[$group->order()] = ['operation' => $group->deleted ? 'delete' : ($group->created ? 'create' : 'update'), 'rows' => $group->rows];
    }
    ksort($steps);
    $state = $group->state();
    foreach ($steps as $order => $step) {
      $steps[$order] = Core::settle(['state' => $state] + $step + $facts);
      $state = $steps[$order]['state'] ?? $state;
    }
    foreach ($steps as $order => $settled) {
      $batch->told($group, $settled, $order, isset($absorbs[$order]));
      if (isset($absorbs[$order])) {
        $batch->absorb($type, $absorbs[$order]);
      }
    }
  }

  /**
   * Who was taken in by one that is gone by now is gone with it.
   */
  private static function alongWith(ChangeType $type, Batch $batch, Group $group, array $facts): void {
    $toAll = (new Pass(Peering::lettingOut($type->name)))->facts();
    foreach ($group->merges as $absorbed => $row) {
      $gone = $batch->ended($type, $absorbed);
      if ($gone->state() !== NULL) {
        $told = Core::settle(['state' => $gone->state(), 'operation' => 'delete', 'rows' => [$row], 'reference' => (string) $absorbed] + $toAll + $facts);
        $batch->told($gone, $told, $row['id']);
      }
    }
  }

  /**
   * What has a version of its own: that another row is the chosen one follows from what is told of that one.
   *
   * @return array<string, mixed>
   */
  private static function told(ChangeType $type, array $after): array {
    foreach (array_keys($type->choices()) as $name) {
      if (empty($after[$name])) {
        unset($after[$name]);
      }
    }
    return $after;
  }

  /**
   * Does it belong to something that no peering shares?
   */
  private static function lacksRequired(ChangeType $type, array $after): bool {
    foreach ($type->references() as $name => $attribute) {
      if ($attribute->required && array_key_exists($name, $after) && $after[$name] === NULL && !$attribute->refersToNothing($after)) {
        return TRUE;
      }
    }
    return FALSE;
  }

  /**
   * @return array<string, mixed>
   */
  private function before(ChangeType $type, Group $group): array {
    $before = [];
    foreach ($this->before as $table => $entities) {
      if (isset($entities[$group->id])) {
        $before += Reader::convert(array_intersect_key($type->columns($table), $entities[$group->id]), $entities[$group->id]);
      }
    }
    return array_intersect_key($before, $group->names());
  }

}

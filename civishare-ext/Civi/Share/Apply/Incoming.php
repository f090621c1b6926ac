<?php
declare(strict_types = 1);

namespace Civi\Share\Apply;

use Civi\Share\Conflict\Conflicts;
use Civi\Share\Db;
use Civi\Share\Filter\Gate;
use Civi\Share\Filter\Moves;
use Civi\Share\Filter\Pass;
use Civi\Share\Instance;
use Civi\Share\Journal\Journal;
use Civi\Share\Journal\Sieve;
use Civi\Share\LocalNode;
use Civi\Share\Peering;
use Civi\Share\Settle\Group;
use Civi\Share\Settle\Identity;
use Civi\Share\Settle\Settler;
use Civi\Share\Settle\States;
use Civi\Share\Type\Attribute;
use Civi\Share\Type\ChangeType;
use Civi\Share\Type\Reader;
use Civi\Share\Type\Registry;
use CiviShare\Core;

/**
 * One received change, inside the batch's transaction: finds the entity, asks the core, writes, and prepares what goes on.
 */
final class Incoming {

  public readonly Meaning $meant;

  /**
   * Raw values of the entity's own table, locked.
   */
  private array $before = [];

  /**
   * @var array<int, array[]>
   *   Journal row => changes that it carries to the outbox.
   */
  private array $carried = [];

  /**
   * As \CiviShare\Store::claim() gives it, in this site's words.
   */
  private readonly array $claim;

  /**
   * What ahead() or aheadUpdate() has decided: [decision, links, writer].
   */
  private ?array $ahead = NULL;

  /**
   * As Core::forward() gives it.
   */
  private array $forwarded = [];

  /**
   * Where it may go on to.
   */
  private ?Pass $pass = NULL;

  /**
   * Rows of the journal: the one that carries the changes, and the others of the entity.
   *
   * @var int[]
   */
  private array $rows = [];

  /**
   * Rows of other entities.
   *
   * @var int[]
   */
  private array $others = [];

  /**
   * @param array $claim
   *   As \CiviShare\Store::claim() gives it.
   */
  public function __construct(
    array $claim,
    public readonly ChangeType $type,
    private readonly Peering $peering,
  ) {
    $words = $peering->wordsIn($type->name);
    $this->claim = $words === NULL ? $claim : ['change' => Core::take($claim['change'], $words)] + $claim;
    $this->meant = new Meaning($this->claim, $type, $peering);
  }

  /**
   * @param array<string, array> $known
   *   States of UIDs that have been looked up already.
   *
   * @return array
   *   ['outcome', 'reason', 'until'] as \CiviShare\Store::finish() takes them.
   */
  public function apply(array $known = []): array {
    try {
      $this->meant->find($known);
    }
    catch (Ambiguous $e) {
      return ['outcome' => 'dead', 'reason' => $e->getMessage()];
    }
    if ($this->claim['links_only'] && $this->meant->kept === NULL) {
      return ['outcome' => 'ignored'];
    }
    $unmatched = $this->meant->unmatched();
    if ($unmatched !== NULL) {
      return $unmatched;
    }
    $this->unite();
    $this->lock();
    $decision = $this->decide();
    switch ($decision['verdict']) {
      case 'reject':
        return ['outcome' => 'dead', 'reason' => $decision['reason']];

      case 'wait':
        return ['outcome' => 'wait', 'reason' => 'Its version is ahead of the clock of this site.', 'until' => $decision['until'], 'alone' => $this->meant->kept !== NULL];
    }
    $links = new Links($this->type, $decision['write']);
    Missing::note($this->peering->id, $links->wanted());
    $refusal = $decision['verdict'] === 'write' && $this->meant->id === NULL ? $this->refusal($links) : NULL;
    if ($refusal !== NULL) {
      if ($refusal['outcome'] === 'ignored') {
        $this->bury();
      }
      return $refusal;
    }
    $writer = new Writer($this->type, $this->peering);
    Cause::set($this->claim['signature']);
    $this->write($decision, $writer, $links);
    $this->remember($decision, $links);
    $this->goOn($decision);
    return $this->conclude($decision, $writer);
  }

  /**
   * Is this creation one that can be made together with others? Then it is decided what to write.
   *
   * @param array<string, array> $known
   *   The states of all UIDs that it names, as far as there are any.
   *
   * @return array|null
   *   What the API takes.
   */
  public function ahead(array $known): ?array {
    if (Matcher::mayMatch($this->type, $this->peering)) {
      return NULL;
    }
    $this->meant->find($known, TRUE);
    $isNew = $this->meant->kept === NULL && $this->meant->graves === [] && $this->meant->choice === NULL && $this->meant->unmatched() === NULL;
    $decision = $isNew ? $this->decide() : NULL;
    if ($decision === NULL || $decision['verdict'] !== 'write') {
      return NULL;
    }
    $links = new Links($this->type, $decision['write']);
    if ($this->refusal($links) !== NULL) {
      return NULL;
    }
    return $this->prepare($decision, $links)->record($decision['write'], $links);
  }

  /**
   * What this update is about, if it is here; for lockAll().
   *
   * @param array<string, array> $known
   *   The states of all UIDs that it names, as far as there are any.
   */
  public function found(array $known): ?int {
    $this->meant->find($known, TRUE);
    return $this->meant->graves === [] && $this->meant->twin() === NULL ? $this->meant->id : NULL;
  }

  /**
   * Is this update one that can be made together with others? Then it is decided what to write. After lockAll().
   *
   * @return array|null
   *   What the API takes; nothing at all if nothing is to be written.
   */
  public function aheadUpdate(): ?array {
    $decision = $this->meant->id === NULL ? NULL : $this->decide();
    if ($decision === NULL || $decision['verdict'] !== 'write') {
      return NULL;
    }
    $links = new Links($this->type, $decision['write']);
    // What waits may come in this very batch.
    return $links->missing === [] ? $this->prepare($decision, $links)->change($this->meant->id, $decision['write'], $links, $this->before) : NULL;
  }

  private function prepare(array $decision, Links $links): Writer {
    $writer = new Writer($this->type, $this->peering);
    $this->ahead = [$decision, $links, $writer];
    if (($this->peering->options['option_missing'] ?? NULL) === 'create') {
      // An option that is made now is made because of this change.
      Cause::set($this->claim['signature']);
    }
    return $writer;
  }

  /**
   * Goes on after ahead() or aheadUpdate(), once it has been written.
   *
   * @param array[] $rows
   *   Open rows of the journal with this change as their cause.
   * @param array<string, mixed>|null $all
   *   What the entity holds, if that has been read.
   */
  public function made(int $id, array $rows, ?array $all): void {
    [$decision, $links] = $this->ahead;
    $this->meant->id = $id;
    Missing::note($this->peering->id, $links->wanted());
    $this->remember($decision, $links);
    $this->tell($decision, $rows, $all);
  }

  /**
   * @return array
   *   As apply() gives it.
   */
  public function concluded(): array {
    [$decision, , $writer] = $this->ahead;
    return $this->conclude($decision, $writer);
  }

  /**
   * What waits, and what has to be looked at again.
   */
  private function remember(array $decision, Links $links): void {
    if ($this->meant->id !== NULL) {
      $links->remember($this->meant->id, $decision['write']);
      if ($this->type->entity === 'Contact' && isset($decision['write']['organization_name'])) {
        Employers::later($this->meant->id);
      }
    }
    $this->touch($links);
    $this->meant->choice?->forget();
  }

  private function conclude(array $decision, Writer $writer): array {
    $this->complete($this->meant->kept === NULL ? $this->forwarded['uids'] : $decision['new_uids']);
    Conflicts::note($this->type, $this->meant->id, $this->peering->id, $decision['conflicts'], $decision['advanced']);
    $this->propose();
    return ['outcome' => 'applied', 'reason' => $writer->reasons() === [] ? NULL : implode(' ', $writer->reasons())];
  }

  /**
   * Two contacts here that are one over there may be one.
   */
  private function propose(): void {
    foreach (array_unique(array_filter($this->meant->elsewhere)) as $other) {
      if ($this->type->entity === 'Contact' && $this->meant->id !== NULL) {
        Pairs::note($this->peering->id, $this->meant->id, $other);
      }
    }
  }

  /**
   * Why an entity that is not here can not be made, if so.
   */
  private function refusal(Links $links): ?array {
    if ($this->meant->kept !== NULL) {
      return $this->type->hasParent() ? ['outcome' => 'ignored', 'reason' => 'What it belonged to is gone here.'] : NULL;
    }
    $missing = $links->missingRequired();
    if (Missing::denied($this->peering->id, $missing) !== []) {
      return ['outcome' => 'dead', 'reason' => sprintf('incomplete: it belongs to an entity that %s does not share with this site', $this->peering->label)];
    }
    if (Missing::overdue($this->peering->id, $missing) !== []) {
      return ['outcome' => 'dead', 'reason' => sprintf('incomplete: what it belongs to has not come within %d days', Missing::DAYS)];
    }
    if ($missing !== []) {
      return ['outcome' => 'wait', 'reason' => 'It belongs to an entity that has not arrived yet.', 'missing' => $missing];
    }
    if ($links->isWithItself()) {
      return ['outcome' => 'ignored', 'reason' => 'The two that it links are one here.'];
    }
    return $links->lacksRequired() ? ['outcome' => 'ignored', 'reason' => 'What it belongs to is gone here.'] : NULL;
  }

  /**
   * What belongs to something that is gone here is gone with it: who goes on to tell of it does not speak of a stranger.
   */
  private function bury(): void {
    $change = json_decode($this->claim['change'], TRUE);
    $version = $change['attribute_changes'][0]['version'] ?? NULL;
    if ($this->meant->kept !== NULL || $version === NULL) {
      return;
    }
    $change = ['operation' => 'delete', 'attribute_changes' => [], 'version' => $version] + $change;
    $decision = Core::decide(json_encode($change, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE), NULL, [
      'node' => LocalNode::identifier(),
      'now' => Meaning::now(),
      'peering' => $this->peering->id,
    ]);
    $state = ['id' => NULL, 'entity_type' => $this->type->entity, 'entity_id' => NULL, 'uid' => $this->claim['uid'], 'state' => $decision['state']];
    States::save([$state + ['uids' => array_merge([$this->claim['uid']], $this->claim['same_as'] ?? [])]]);
  }

  /**
   * @return array<int, array[]>
   */
  public function carried(): array {
    return $this->carried;
  }

  /**
   * May what is changed besides become changes of this site? Not any more once the change has come round.
   */
  public function derives(): bool {
    return !$this->claim['came_round'];
  }

  /**
   * @return string[]
   *   Loop signatures of the causes of what is changed besides: those of the change, and its own.
   */
  public function chain(): array {
    return $this->claim['chain'];
  }

  /**
   * The row of which there would be two goes, untold; what named it names the other one from now on.
   */
  private function unite(): void {
    $twin = $this->meant->twin();
    if ($twin === NULL) {
      return;
    }
    $both = [$this->meant->id, $twin];
    self::lockRows($this->type, $both);
    $this->settleEdits($both);
    Cause::set($this->claim['signature']);
    Db::run("DELETE FROM `{$this->type->table}` WHERE `{$this->type->key}` = {$this->meant->id}");
    States::delete((int) $this->meant->kept['id']);
    $this->meant->become($twin);
  }

  /**
   * In the order in which everybody locks: the entity, its open journal rows, its state. Afterwards no local edit of it is open, nor
   * of the one that a merge ends.
   */
  private function lock(): void {
    $ids = $this->meant->entityIds();
    if ($ids !== []) {
      $this->before = self::lockRows($this->type, $ids)[$this->meant->id] ?? [];
      $settled = $this->settleEdits($ids);
    }
    $this->meant->lock(!empty($settled));
    $this->loseWhatIsGone();
  }

  /**
   * The same for many.
   *
   * @param self[] $incomings
   *   What found() has found here: entity => the one change of it.
   *
   * @return array<int, array[]>
   *   Journal row => changes that it carries to the outbox, for carry().
   */
  public static function lockAll(ChangeType $type, array $incomings): array {
    $rows = self::lockRows($type, array_keys($incomings));
    $first = reset($incomings);
    $first->settleEdits(array_keys($incomings));
    $carried = $first->carried;
    $first->carried = [];
    $states = array_column(States::lock(array_map(function (self $incoming): int {
      return (int) $incoming->meant->kept['id'];
    }, array_values($incomings))), NULL, 'id');
    foreach ($incomings as $id => $incoming) {
      $incoming->before = $rows[$id] ?? [];
      $incoming->meant->kept = $states[$incoming->meant->kept['id']] ?? $incoming->meant->kept;
      $incoming->loseWhatIsGone();
    }
    return $carried;
  }

  /**
   * @param array<int, array[]> $carried
   */
  public function carry(array $carried): void {
    $this->carried += $carried;
  }

  /**
   * @return array<int, array<string, string|null>>
   *   What was locked of it: entity => raw values of its own table.
   */
  public function row(): array {
    return [$this->meant->id => $this->before];
  }

  private function loseWhatIsGone(): void {
    if ($this->meant->kept !== NULL && ($this->meant->kept['entity_id'] === NULL || $this->before === [])) {
      $this->meant->id = NULL;
    }
  }

  /**
   * @param int[] $ids
   *
   * @return array<int, array<string, string|null>>
   *   Raw values of the entities' own table, by entity.
   */
  private static function lockRows(ChangeType $type, array $ids): array {
    $columns = implode('`, `', array_keys($type->columns($type->table)));
    $rows = Db::rows("SELECT `$type->key` civishare_id, `$columns` FROM `$type->table`
      WHERE `$type->key` IN (" . implode(',', $ids) . ") ORDER BY `$type->key` FOR UPDATE");
    return array_map(function (array $row): array {
      return array_diff_key($row, ['civishare_id' => 0]);
    }, array_column($rows, NULL, 'civishare_id'));
  }

  /**
   * @param int[] $ids
   *
   * @return bool
   *   Was there anything to settle?
   */
  private function settleEdits(array $ids): bool {
    Sieve::look($this->type, $ids);
    return $this->settle(Settler::forLocalEdits(), 'j.cause IS NULL AND j.entity_id IN (' . implode(',', $ids) . ') AND j.table_name IN (' .
      Db::quoteAll(array_keys($this->type->tables())) . ')');
  }

  private function decide(): array {
    $facts = [
      'node' => LocalNode::identifier(),
      'now' => Meaning::now(),
      'peering' => $this->peering->id,
      // What is told whole of a known entity is a resynchronisation, in which the latest wins.
      'rule' => $this->claim['operation'] === 'create' ? 'latest' : $this->peering->ruleFor($this->type->name),
      'came_round' => (bool) $this->claim['came_round'],
      'simple' => $this->peering->simple,
      'linked_now' => $this->meant->linked,
      'merged_state' => $this->meant->gone['state'] ?? NULL,
      'merged_current' => $this->goneCurrent(),
      'graves' => array_column($this->meant->graves, 'state'),
      'elsewhere' => array_map('strval', array_keys($this->meant->elsewhere)),
      'defaults' => $this->type->defaults(),
    ];
    if ($this->meant->linked) {
      $facts['current'] = Reader::read($this->type, [$this->meant->id])[$this->meant->id] ?? [];
      $facts['strict'] = $this->privacy();
    }
    return $this->rendered(Core::decide($this->claim['change'], $this->meant->kept['state'] ?? NULL, $facts));
  }

  /**
   * What the entity holds that a merge ends. Of whom it is a part is for the survivor to say.
   *
   * @return array<string, mixed>
   */
  private function goneCurrent(): array {
    $id = $this->meant->goneId();
    if ($id === NULL) {
      return [];
    }
    $required = array_filter($this->type->references(), function (Attribute $attribute): bool {
      return $attribute->required;
    });
    return array_diff_key(Reader::read($this->type, [$id])[$id] ?? [], $required);
  }

  /**
   * What this site writes instead of what it was told. Others are told what was received.
   */
  private function rendered(array $decision): array {
    $constants = $this->peering->constantsIn($this->type->name);
    if ($constants !== []) {
      $isNew = $decision['verdict'] === 'write' && $this->meant->id === NULL && $this->meant->kept === NULL;
      $decision['write'] = array_replace($decision['write'], $isNew ? $constants : array_intersect_key($constants, $decision['write']));
    }
    if ($decision['verdict'] === 'merge') {
      // The values of the one that is gone are this site's own, and yet it is the peer that would lift a flag with them.
      foreach ($this->peering->flagsNotLifted($this->type) as $flag) {
        if (empty($decision['write'][$flag])) {
          unset($decision['write'][$flag]);
        }
      }
    }
    return $decision;
  }

  private function write(array $decision, Writer $writer, Links $links): void {
    if ($decision['verdict'] === 'delete') {
      array_map([$writer, 'delete'], $this->meant->entityIds());
    }
    elseif ($decision['verdict'] === 'merge' && count($this->meant->entityIds()) === 2) {
      $writer->merge($this->meant->id, $this->meant->goneId(), $decision['write']);
    }
    elseif ($decision['verdict'] === 'write' && $this->meant->id !== NULL) {
      $writer->update($this->meant->id, $decision['write'], $links, $this->before);
    }
    elseif ($decision['verdict'] === 'write' && $this->meant->kept === NULL) {
      $this->meant->id = $writer->create($decision['write'], $links);
    }
    elseif ($decision['verdict'] === 'write') {
      throw new \RuntimeException('gone: this site knows the entity, but no longer has it');
    }
  }

  /**
   * Which row of its parent is the chosen one has to be looked at again: of the parent that it has, and of the one that it had.
   */
  private function touch(Links $links): void {
    $parent = $this->type->choices() === [] ? NULL : $this->type->parent();
    if ($parent !== NULL) {
      foreach (array_filter([(int) ($links->ids[$parent->name] ?? 0), (int) ($this->before[$parent->column] ?? 0)]) as $id) {
        Chosen::later($this->type, $id);
      }
    }
  }

  /**
   * What the cause has brought about becomes changes; the state and the journal are written.
   */
  private function goOn(array $decision): void {
    $this->tell($decision, Journal::ofCause($this->claim['signature']));
    States::save([$this->state($decision)]);
    if ($this->meant->gone !== NULL && in_array($decision['verdict'], ['merge', 'delete'], TRUE)) {
      States::delete((int) $this->meant->gone['id']);
    }
    foreach ($this->meant->graves as $id => $grave) {
      if (in_array($grave['uid'], $decision['uids'], TRUE)) {
        States::delete($id);
      }
    }
    $this->close();
  }

  /**
   * Asks the core what goes on.
   *
   * @param array|null $all
   *   What the entity holds, if that has been read already.
   */
  private function tell(array $decision, array $rows, ?array $all = NULL): void {
    $created = $this->meant->isMade();
    $own = array_filter($rows, [$this, 'isOwn']);
    $this->others = array_map('intval', array_column(array_diff_key($rows, $own), 'id'));
    $row = (int) (reset($own)['id'] ?? Journal::add($this->type->table, (int) $this->meant->id, 'F', $this->claim['signature']));
    $this->rows = array_values(array_unique(array_merge([$row], array_map('intval', array_column($own, 'id')))));

    $this->pass = $this->pass($decision);
    // Where one is deleted that was one with what stays here, or becomes one with it, those who may have deleted all are told of what stays.
    $outlives = $decision['advanced'] !== [] && in_array([$this->claim['operation'], $decision['verdict']], [['delete', 'hold'], ['merge', 'merge']], TRUE);
    if ($all === NULL && $this->meant->id !== NULL && ($outlives || $decision['verdict'] === 'write' && ($created || $this->meant->linked || Core::wants($decision['state'], $this->pass->peerings)))) {
      $all = $this->read();
    }
    $this->forwarded = Core::forward([
      'node' => LocalNode::identifier(),
      'instance' => Instance::id(),
      'row' => $row,
      'change' => $this->claim['change'],
      'state' => $decision['state'],
      'reference' => (string) $this->meant->id,
      'origin' => $this->peering->id,
      'advanced' => $decision['advanced'],
      'new_uids' => $decision['new_uids'],
      'came_round' => (bool) $this->claim['came_round'],
      'linked_now' => $this->meant->linked,
      'time' => Meaning::now(),
      'derived' => $decision['verdict'] === 'write' ? $this->derived($decision, $own, $all, $created) : ['before' => [], 'after' => []],
      'all' => $all,
      'defaults' => $this->type->defaults(),
    ] + ($outlives && $this->meant->id !== NULL ? (new Gate())->pass($this->type, $this->meant->id) : $this->pass)->facts());
  }

  /**
   * Its state, as States::save() takes it.
   */
  public function newState(): array {
    return $this->state($this->ahead[0]);
  }

  private function state(array $decision): array {
    return [
      'id' => $this->meant->kept['id'] ?? NULL,
      'entity_type' => $this->type->entity,
      'entity_id' => $decision['verdict'] === 'delete' ? NULL : $this->meant->id ?? $this->meant->kept['entity_id'] ?? NULL,
      'uid' => $this->meant->kept['uid'] ?? $this->forwarded['uid'],
      'state' => $this->forwarded['state'],
      'uids' => $this->meant->kept === NULL || $decision['new_uids'] !== [] || $this->meant->gone !== NULL ? $this->forwarded['uids'] : NULL,
    ];
  }

  /**
   * Settles the rows of the journal. The row that the changes were derived from carries them.
   */
  public function close(): void {
    if ($this->moves()) {
      $moves = new Moves();
      $moves->note($this->type, (int) $this->meant->id, $this->pass, $this->meant->kept['state'] ?? NULL, $this->meant->isMade());
      $moves->write();
    }
    $this->carried += Journal::settle($this->rows, Identity::into($this->type, (int) $this->meant->id, $this->forwarded['changes']));
    $this->settleOthers($this->others);
  }

  /**
   * @return int[]
   *   Rows of the journal, if closing them is all that there is to do.
   */
  public function rowsToClose(): array {
    return $this->forwarded['changes'] === [] && $this->others === [] && !$this->moves() ? $this->rows : [];
  }

  /**
   * Does a filter of some peering hold it back?
   */
  private function moves(): bool {
    return $this->pass->filtered !== [] || $this->pass->outside !== [];
  }

  /**
   * Where the entity may go now that it is written. That it is gone or one with another is told to all who have it.
   */
  private function pass(array $decision): Pass {
    if ($this->meant->id === NULL || $decision['verdict'] !== 'write') {
      return new Pass(Peering::lettingOut($this->type->name));
    }
    $pass = (new Gate())->pass($this->type, $this->meant->id);
    return $pass->withdraw !== [] && Core::wants($this->meant->kept['state'] ?? NULL, [$this->peering->id]) ? $pass->ofGiver($this->peering->id) : $pass;
  }

  /**
   * Writes what waited for this entity. To the others it was told as it was received, so of this nothing is told.
   *
   * @param string[] $uids
   */
  private function complete(array $uids): void {
    Missing::forget($uids);
    foreach (Waiting::take($uids) as $one) {
      $type = Registry::ofEntity($one['entity_type']);
      if ($type === NULL) {
        continue;
      }
      $cause = 'reference:' . bin2hex(random_bytes(8));
      $wire = [$one['attribute'] => $one['value']];
      $links = new Links($type, $wire);
      Cause::set($cause);
      (new Writer($type, $this->peering))->update($one['entity_id'], $wire, $links);
      $links->remember($one['entity_id'], $wire);
      $own = $others = [];
      foreach (Journal::ofCause($cause) as $row) {
        if (isset($type->tables()[$row['table_name']]) && (int) $row['entity_id'] === $one['entity_id']) {
          $own[] = (int) $row['id'];
        }
        else {
          $others[] = (int) $row['id'];
        }
      }
      Journal::delete($own);
      $this->settleOthers($others);
    }
  }

  /**
   * What was changed besides, of this entity: all that is not what the core said to write. That of the latter which now reads
   * differently is this site's rendering of it and goes nowhere.
   *
   * @return array
   *   ['before' => values as far as known, 'after' => values]
   */
  private function derived(array $decision, array $own, ?array $all, bool $created): array {
    $group = new Group($this->type, (int) $this->meant->id, NULL);
    foreach ($own as $row) {
      $group->add($this->type, $row);
    }
    // Of what has come round, what this site contributes to a link is all that is its own.
    $names = $this->derives() ? array_keys($created ? $this->type->attributes() : $group->names()) : [];
    $names = array_filter(array_diff($names, array_keys($decision['write'])), function (string $name): bool {
      return empty($this->type->attribute($name)->follows);
    });
    $wanted = array_values(array_unique(array_merge($names, $decision['contribute'])));
    if ($wanted === []) {
      return ['before' => [], 'after' => []];
    }
    $after = array_intersect_key($all ?? $this->read($wanted), array_flip($wanted));
    $before = $created ? $this->blank($wanted) : Reader::convert($this->type->columns($this->type->table), $this->before);
    foreach ($after as $name => $value) {
      if (array_key_exists($name, $before) && $before[$name] === $value && !in_array($name, $decision['contribute'], TRUE)) {
        unset($after[$name]);
      }
    }
    return ['before' => array_intersect_key($before, $after), 'after' => $after];
  }

  /**
   * @param string[]|null $names
   *   Attributes, NULL for all.
   *
   * @return array<string, mixed>
   *   What the entity holds now.
   *
   * @throws Lost
   *   If it is not there: CiviCRM goes on after a deadlock, with all that it has written before undone.
   */
  private function read(?array $names = NULL): array {
    $read = Reader::read($this->type, [$this->meant->id], $names);
    if (!isset($read[$this->meant->id])) {
      throw new Lost('What was just written is gone: the database has rolled back on the way.');
    }
    return $read[$this->meant->id];
  }

  /**
   * @return array<string, mixed>
   */
  private function blank(array $names): array {
    return array_intersect_key($this->type->defaults(), array_flip($names)) + array_fill_keys($names, NULL);
  }

  private function isOwn(array $row): bool {
    if (!isset($this->type->tables()[$row['table_name']])) {
      return FALSE;
    }
    return in_array((int) $row['entity_id'], $this->meant->entityIds(), TRUE);
  }

  /**
   * Other entities that were changed on the way tell of it themselves, with this change as the cause. Of a change that has come round
   * nothing is derived any more.
   */
  private function settleOthers(array $rows): void {
    if ($rows !== [] && !$this->derives()) {
      Journal::delete($rows);
    }
    elseif ($rows !== []) {
      $this->settle(Settler::causedBy($this->chain()), 'j.id IN (' . implode(',', $rows) . ')');
    }
  }

  /**
   * @return bool
   *   Was there anything to settle?
   */
  private function settle(Settler $settler, string $where): bool {
    $found = $settler->find($where);
    if (!$found->isEmpty()) {
      $this->carried += $settler->within($found);
    }
    return !$found->isEmpty();
  }

  /**
   * @return string[]
   */
  private function privacy(): array {
    $names = [];
    foreach ($this->type->coreAttributes() as $name => $attribute) {
      if ($attribute->privacy) {
        $names[] = $name;
      }
    }
    return $names;
  }

}

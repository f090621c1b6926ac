<?php
declare(strict_types = 1);

namespace Civi\Share\Apply;

use Civi\Share\Peering;
use Civi\Share\Settle\States;
use Civi\Share\Type\ChangeType;
use Civi\Share\Type\Reader;
use CiviShare\Core;

/**
 * Which entities of this site a received change means: by the UIDs that it names, by what a person has decided, or by the matching rule.
 */
final class Meaning {

  /**
   * The entity's id here, NULL while there is none.
   */
  public ?int $id = NULL;

  /**
   * Its row of civicrm_share_entity.
   */
  public ?array $kept = NULL;

  /**
   * That of the entity which a merge ends, if it is another one here.
   */
  public ?array $gone = NULL;

  /**
   * @var array<int, array>
   *   Those of entities that were deleted here and are one with it over there, by their IDs.
   */
  public array $graves = [];

  public bool $linked = FALSE;

  /**
   * What a person has decided, where the rule could not.
   */
  public ?Choice $choice = NULL;

  /**
   * @var array<string, int|null>
   *   UIDs that the change names and that are another entity's here, with its ID. Nothing is learnt of them.
   */
  public array $elsewhere = [];

  /**
   * @param array $claim
   *   The change, as \CiviShare\Store::claim() gives it.
   */
  public function __construct(
    private readonly array $claim,
    private readonly ChangeType $type,
    private readonly Peering $peering,
  ) {
  }

  /**
   * @param bool $all
   *   Is there no other UID?
   */
  public function find(array $known, bool $all = FALSE): void {
    $named = array_merge([$this->claim['uid']], $this->claim['same_as'] ?? []);
    $merged = $this->claim['operation'] === 'merge' ? $this->claim['merged_uid'] ?? NULL : NULL;
    $uids = array_unique(array_filter(array_merge($named, [$merged])));
    $known += $all ? [] : States::ofUids(array_values(array_diff($uids, array_keys($known))));
    $rows = [];
    foreach ($uids as $uid) {
      if (isset($known[$uid])) {
        $rows[$uid] = $known[$uid];
      }
    }
    if (count($uids) === 1) {
      $this->kept = $rows[$this->claim['uid']] ?? NULL;
    }
    elseif ($rows !== []) {
      $this->choose($rows, $merged);
    }
    if ($this->kept !== NULL) {
      $this->id = $this->kept['entity_id'] === NULL ? NULL : (int) $this->kept['entity_id'];
    }
    elseif ($this->claim['operation'] === 'create') {
      $this->choice = Choice::of($this->type, $named);
      $this->id = $this->choice === NULL ? Matcher::find($this->type, $this->peering, $this->known()) : $this->choice->id;
      $this->linked = $this->id !== NULL;
    }
  }

  /**
   * Of several UIDs some may be another entity's here, or one's that was deleted.
   *
   * @param array<string, array> $rows
   *   UID => its row of civicrm_share_entity.
   */
  private function choose(array $rows, ?string $merged): void {
    $found = Core::find([
      'operation' => $this->claim['operation'],
      'uid' => $this->claim['uid'],
      'same_as' => $this->claim['same_as'] ?? [],
      'merged_uid' => $merged,
      'living' => self::entities($rows, TRUE),
      'gone' => self::entities($rows, FALSE),
    ]);
    $byId = array_column($rows, NULL, 'id');
    $this->kept = $byId[$found['kept']] ?? NULL;
    $this->gone = $byId[$found['gone']] ?? NULL;
    $this->graves = array_intersect_key($byId, array_flip($found['graves']));
    foreach ($found['elsewhere'] as $uid) {
      $this->elsewhere[$uid] = $rows[$uid]['entity_id'] === NULL ? NULL : (int) $rows[$uid]['entity_id'];
    }
  }

  /**
   * @return array<string, string>
   *   UID => which entity it names, of those that live or those that were deleted.
   */
  private static function entities(array $rows, bool $living): array {
    return array_map(function (array $row): string {
      return (string) $row['id'];
    }, array_filter($rows, function (array $row) use ($living): bool {
      return ($row['entity_id'] !== NULL) === $living;
    }));
  }

  /**
   * A contact that no one here matches is made, unless the peering wants a person to look at it.
   */
  public function unmatched(): ?array {
    $isNew = $this->claim['operation'] === 'create' && $this->kept === NULL && $this->id === NULL && $this->choice === NULL;
    if (!$isNew || $this->type->entity !== 'Contact') {
      return NULL;
    }
    switch ($this->peering->options['on_no_match'] ?? Matcher::CREATE) {
      case Matcher::WAIT:
        return ['outcome' => 'wait', 'reason' => 'unmatched: it waits until a contact of this site matches', 'until' => self::now() + Matcher::WAIT_MS];

      case Matcher::REPORT:
        return ['outcome' => 'dead', 'reason' => 'unmatched: no contact of this site matches, so a person has to decide'];
    }
    return NULL;
  }

  /**
   * Would this change make a row say the same as another one here? After a merge that was made on one site, somebody tagged by another
   * one may bear a tag twice. Then the rows are one entity, as they are where one of them comes as a new one.
   *
   * @return int|null
   *   The other one.
   */
  public function twin(): ?int {
    if ($this->id === NULL || $this->claim['operation'] !== 'update' || !$this->type->isLink()) {
      return NULL;
    }
    $told = $this->known();
    $held = array_intersect_key($told, array_flip(array_merge(...$this->type->unique))) === [] ? [] : Reader::read($this->type, [$this->id]);
    return isset($held[$this->id]) ? Matcher::twin($this->type, $this->id, $told + $held[$this->id]) : NULL;
  }

  /**
   * It is this other entity of the same type.
   */
  public function become(int $id): void {
    $this->kept = States::ofEntity($this->type->entity, $id);
    $this->id = $id;
    $this->linked = TRUE;
  }

  /**
   * Locks the states, once no local edit is open any more.
   *
   * @param bool $anew
   *   Has settling such edits given the entity a state, or another one?
   */
  public function lock(bool $anew): void {
    if ($this->id !== NULL && ($this->kept === NULL || $anew)) {
      $this->kept = States::ofEntity($this->type->entity, $this->id) ?? $this->kept;
    }
    $ids = array_filter([$this->kept['id'] ?? NULL, $this->gone['id'] ?? NULL, ...array_keys($this->graves)]);
    $states = array_column(States::lock(array_map('intval', $ids)), NULL, 'id');
    $this->kept = $states[$this->kept['id'] ?? 0] ?? $this->kept;
    // None is left if this very merge was made here as well.
    $this->gone = $states[$this->gone['id'] ?? 0] ?? NULL;
    $this->graves = array_intersect_key($states, $this->graves);
  }

  /**
   * Like "Contact:312", as Found::byEntity() names it.
   */
  public function entity(): string {
    return $this->type->entity . ':' . $this->id;
  }

  /**
   * The entity here, and that which a merge ends, for those who look after them.
   *
   * @return int[]
   */
  public function entityIds(): array {
    return array_values(array_filter([$this->id, $this->goneId()]));
  }

  /**
   * Was it made because of this change?
   */
  public function isMade(): bool {
    return $this->kept === NULL && !$this->linked && $this->id !== NULL;
  }

  public function goneId(): ?int {
    return isset($this->gone['entity_id']) ? (int) $this->gone['entity_id'] : NULL;
  }

  /**
   * May UIDs name another entity afterwards than before?
   */
  public function movesUids(): bool {
    return $this->graves !== [] || in_array($this->claim['operation'], ['merge', 'delete'], TRUE);
  }

  /**
   * What the change says of the entity, for the matching rule.
   *
   * @return array<string, mixed>
   */
  private function known(): array {
    return Matcher::known(json_decode($this->claim['change'], TRUE));
  }

  /**
   * Unix milliseconds.
   */
  public static function now(): int {
    return (int) (microtime(TRUE) * 1000);
  }

}

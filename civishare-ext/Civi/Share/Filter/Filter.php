<?php
declare(strict_types = 1);

namespace Civi\Share\Filter;

use CRM_Share_ExtensionUtil as E;

/**
 * Which entities of a change type a peering lets out: the part of an entry of types_out that says so.
 *
 * Of the values of one member one is enough, and every member that is there has to hold. Groups and contact types are for contacts;
 * what belongs to a contact follows it without a filter of its own.
 */
final class Filter {

  const MEMBERS = ['where', 'groups', 'tags', 'contact_types', 'on_leave'];

  /**
   * What becomes of the peer's copy once an entity no longer fits: it is left as it is, or the peer is told that it is no longer
   * shared.
   */
  const KEEP = 'keep';
  const WITHDRAW = 'withdraw';

  /**
   * @param array $where
   *   Conditions as API v4 takes them.
   * @param string[] $groups
   *   Names.
   * @param string[] $tags
   *   Names.
   * @param string[] $contactTypes
   *   Names of types and subtypes.
   * @param bool $withdraws
   */
  private function __construct(
    public readonly array $where,
    public readonly array $groups,
    public readonly array $tags,
    public readonly array $contactTypes,
    public readonly bool $withdraws,
  ) {
  }

  /**
   * @param array $entry
   *   An entry of a list of types.
   *
   * @return self|null
   *   NULL if all entities may go.
   *
   * @throws \InvalidArgumentException
   */
  public static function fromEntry(array $entry): ?self {
    $onLeave = $entry['on_leave'] ?? self::KEEP;
    if (!in_array($onLeave, [self::KEEP, self::WITHDRAW], TRUE)) {
      throw new \InvalidArgumentException(E::ts('on_leave is "keep" or "withdraw".'));
    }
    $filter = new self(
      self::where($entry['where'] ?? []),
      self::names('groups', $entry['groups'] ?? []),
      self::names('tags', $entry['tags'] ?? []),
      self::names('contact_types', $entry['contact_types'] ?? []),
      $onLeave === self::WITHDRAW,
    );
    return $filter->conditions() === [] ? NULL : $filter;
  }

  /**
   * @return array
   *   Members of an entry.
   */
  public function toEntry(): array {
    return $this->conditions() + ($this->withdraws ? ['on_leave' => self::WITHDRAW] : []);
  }

  /**
   * @return array<string, array>
   *   What decides who fits.
   */
  public function conditions(): array {
    return array_filter([
      'where' => $this->where,
      'groups' => $this->groups,
      'tags' => $this->tags,
      'contact_types' => $this->contactTypes,
    ]);
  }

  /**
   * The same in a line for a person.
   */
  public function sentence(): string {
    $parts = [];
    foreach (['groups' => $this->groups, 'tags' => $this->tags, 'contact_types' => $this->contactTypes] as $member => $names) {
      if ($names !== []) {
        $parts[] = self::labels()[$member] . ' ' . implode(', ', $names);
      }
    }
    if ($this->where !== []) {
      $parts[] = json_encode($this->where, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES);
    }
    return implode('; ', $parts);
  }

  /**
   * @return array<string, string>
   */
  private static function labels(): array {
    return ['groups' => E::ts('in'), 'tags' => E::ts('tagged'), 'contact_types' => E::ts('of type')];
  }

  /**
   * @param mixed $where
   */
  private static function where($where): array {
    if (!is_array($where) || array_filter($where, 'is_array') !== $where) {
      throw new \InvalidArgumentException(E::ts('The condition has to be a list of conditions as API version 4 takes it, such as [["is_deceased", "=", false]].'));
    }
    return array_values($where);
  }

  /**
   * @param mixed $names
   *
   * @return string[]
   */
  private static function names(string $member, $names): array {
    if (!is_array($names) || array_filter($names, 'is_string') !== $names) {
      throw new \InvalidArgumentException(E::ts('%1 has to be a list of names.', [1 => $member]));
    }
    $names = array_values(array_unique(array_filter($names, 'strlen')));
    sort($names);
    return $names;
  }

}

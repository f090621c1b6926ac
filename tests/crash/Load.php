<?php
declare(strict_types = 1);

namespace CiviShare\Crash;

/**
 * Plans what the writers save. Each value is written once only, so that a value tells by whom and when.
 *
 * Contacts are named by their nick name, which nobody edits. Every writer has an attribute that he alone edits, on all contacts of
 * both sites, and there are some that all edit.
 */
final class Load {

  const SHARED = ['last_name', 'civishare_crash.shared', 'do_not_phone', 'is_deleted'];

  const FLAGS = ['do_not_phone', 'is_deleted'];

  /**
   * Attribute that belongs to each writer.
   */
  const OWN = ['alpha.cli' => 'first_name', 'alpha.web' => 'job_title', 'beta.cli' => 'middle_name', 'beta.web' => 'civishare_crash.own'];

  const HOW = ['create' => 18, 'update' => 38, 'raw' => 8, 'transaction' => 14, 'rollback' => 10, 'savepoint' => 5, 'delete' => 4, 'merge' => 3];

  /**
   * What is never to be seen on any side begins like this.
   */
  const NEVER = 'never';

  /**
   * @var string[]
   *   Individuals that may be edited by all.
   */
  private array $people = [];

  /**
   * @var array<string, array[]>
   *   Writer => pairs that he has created to merge them.
   */
  private array $pairs = [];

  private int $count = 0;

  public function __construct(public readonly string $prefix) {
  }

  /**
   * One to three saves for one process.
   *
   * @return array[]
   */
  public function plan(string $writer, Dice $dice): array {
    $saves = [];
    for ($left = $dice->int(1, 3); $left > 0; $left--) {
      $saves[] = $this->save($writer, $dice);
    }
    return $saves;
  }

  private function save(string $writer, Dice $dice): array {
    $how = count($this->people) < 4 ? 'create' : $this->how($dice);
    $save = ['save' => ++$this->count, 'writer' => $writer, 'how' => $how, 'api' => $dice->one([3, 4]), 'contacts' => [], 'values' => [], 'never' => []];
    switch ($how) {
      case 'create':
        return ['values' => $this->newContacts($writer, $dice)] + $save;

      case 'delete':
        $person = $dice->one($this->people);
        $this->people = array_values(array_diff($this->people, [$person]));
        return ['contacts' => [$person]] + $save;

      case 'merge':
        return $this->merge($writer, $dice, $save);

      case 'raw':
        $attributes = array_filter([self::OWN[$writer], 'last_name'], fn($name) => strpos($name, '.') === FALSE);
        $person = $dice->one($this->people);
        return ['contacts' => [$person], 'values' => [$person => $this->values([$dice->one($attributes)], $dice)]] + $save;

      case 'rollback':
        $person = $dice->one($this->people);
        $ghost = $this->token();
        $never = [$person => $this->values([self::OWN[$writer], 'last_name'], $dice, self::NEVER)];
        if ($dice->chance(40)) {
          $never[$ghost] = ['contact_type' => 'Individual', 'nick_name' => self::NEVER . $ghost, 'last_name' => self::NEVER . $ghost];
        }
        return ['contacts' => [$person], 'never' => $never] + $save;

      case 'savepoint':
        $person = $dice->one($this->people);
        return [
          'contacts' => [$person],
          'values' => [$person => $this->values([self::OWN[$writer]], $dice)],
          'never' => [$person => $this->values(['last_name', 'civishare_crash.shared'], $dice, self::NEVER)],
        ] + $save;
    }
    // Two contacts in one transaction, in any order.
    $people = array_slice($dice->shuffled($this->people), 0, $how === 'transaction' ? 2 : 1);
    foreach ($people as $person) {
      $names = $dice->shuffled(array_merge([self::OWN[$writer]], self::SHARED));
      $save['values'][$person] = $this->values(array_slice($names, 0, $dice->int(1, 3)), $dice);
    }
    return ['contacts' => $people] + $save;
  }

  private function how(Dice $dice): string {
    $at = $dice->int(1, array_sum(self::HOW));
    foreach (self::HOW as $how => $weight) {
      if (($at -= $weight) <= 0) {
        return $how;
      }
    }
    return 'update';
  }

  private function newContacts(string $writer, Dice $dice): array {
    $token = $this->token();
    if ($dice->chance(15)) {
      $type = $dice->one(['Organization', 'Household']);
      return [$token => ['contact_type' => $type, strtolower($type) . '_name' => "$type $token", 'nick_name' => $token]];
    }
    $this->people[] = $token;
    return [$token => $this->person($token, $writer, $dice)];
  }

  private function person(string $token, string $writer, Dice $dice): array {
    return ['contact_type' => 'Individual', 'nick_name' => $token] + $this->values(['last_name', self::OWN[$writer], ...$dice->chance(50) ? ['civishare_crash.shared'] : []], $dice);
  }

  /**
   * First the two contacts, another time the merge.
   */
  private function merge(string $writer, Dice $dice, array $save): array {
    if (!empty($this->pairs[$writer])) {
      $pair = array_pop($this->pairs[$writer]);
      return ['contacts' => $pair] + $save;
    }
    $pair = [$this->token(), $this->token()];
    $this->pairs[$writer][] = $pair;
    $values = [];
    foreach ($pair as $token) {
      $values[$token] = $this->person($token, $writer, $dice);
    }
    return ['how' => 'create', 'values' => $values] + $save;
  }

  private function values(array $names, Dice $dice, string $kind = 'v'): array {
    $values = [];
    foreach ($names as $name) {
      $values[$name] = in_array($name, self::FLAGS, TRUE) ? $dice->int(0, 1) : $kind . $this->token();
    }
    return $values;
  }

  private function token(): string {
    return $this->prefix . 'n' . base_convert((string) ++$this->count, 10, 36);
  }

}

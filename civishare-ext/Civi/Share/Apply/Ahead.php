<?php
declare(strict_types = 1);

namespace Civi\Share\Apply;

use Civi\Share\Journal\Journal;
use Civi\Share\Peering;
use Civi\Share\Settle\States;
use Civi\Share\Type\ChangeType;
use Civi\Share\Type\Reader;
use Civi\Share\Type\Registry;

/**
 * Applies changes of a batch together, before the others are applied one by one: what CiviCRM and we do for each of many takes a fraction
 * of the time then.
 *
 * Only such as nothing else in the batch comes before: the first change of each entity. New entities that no matching rule can make one
 * of this site, or updates of what is here.
 */
final class Ahead {

  /**
   * @var array<string, bool>
   *   Types that have turned out to be saved without a hook before each.
   */
  private static array $unturned = [];

  /**
   * @var Incoming[]
   *   By signature.
   */
  private array $incomings = [];

  /**
   * @var array<string, array<string, array>>
   *   Type => signature => what the API takes.
   */
  private array $records = [];

  private function __construct() {
  }

  /**
   * Makes new entities.
   *
   * @param array[] $claims
   * @param array<string, mixed> $held
   *   UIDs of entities that have to wait.
   * @param array<string, array> $known
   *   The states of all UIDs that the claims name, as far as there are any.
   *
   * @return array<string, array{0: Incoming, 1: array}>
   *   Signature => [the change, its result].
   */
  public static function create(array $claims, array $held, array $known): array {
    $ahead = new self();
    foreach (self::firsts($claims, $held, $known) as $claim) {
      $incoming = self::incoming($claim, 'create');
      $record = $incoming?->ahead($known);
      if ($record !== NULL) {
        $ahead->add($claim, $incoming, $record);
      }
    }
    return $ahead->make(TRUE);
  }

  /**
   * Changes entities that are here. The same for these.
   */
  public static function update(array $claims, array $held, array $known): array {
    $found = [];
    foreach (self::firsts($claims, $held, $known) as $claim) {
      $incoming = self::incoming($claim, 'update');
      $id = $incoming?->found($known);
      if ($id !== NULL) {
        $found[$claim['type']][$id] = [$claim, $incoming];
      }
    }
    $ahead = new self();
    foreach ($found as $name => $ofType) {
      if (count($ofType) > 1) {
        ksort($ofType);
        $carried = Incoming::lockAll(Registry::type($name), array_combine(array_keys($ofType), array_column($ofType, 1)));
        foreach ($ofType as [$claim, $incoming]) {
          $record = $incoming->aheadUpdate();
          if ($record !== NULL) {
            // Whoever it is of goes to the outbox with any of them.
            $incoming->carry($carried);
            $carried = [];
            $ahead->add($claim, $incoming, $record);
          }
        }
      }
    }
    return $ahead->make(FALSE);
  }

  /**
   * The first change of each entity, whichever of its UIDs it names.
   *
   * @return array[]
   */
  private static function firsts(array $claims, array $held, array $known): array {
    $met = $held;
    $firsts = [];
    foreach ($claims as $claim) {
      $uids = array_fill_keys(Applier::uids($claim), TRUE);
      foreach (array_intersect_key($known, $uids) as $state) {
        $uids['state:' . $state['id']] = TRUE;
      }
      if (array_intersect_key($met, $uids) === []) {
        $firsts[] = $claim;
      }
      $met += $uids;
    }
    return $firsts;
  }

  private static function incoming(array $claim, string $operation): ?Incoming {
    $type = Registry::type((string) $claim['type']);
    $peering = Peering::byId((int) $claim['peering']);
    if ($claim['operation'] !== $operation || $claim['links_only'] || $type === NULL || $peering === NULL || $type->alone || isset(self::$unturned[$type->name])) {
      return NULL;
    }
    return new Incoming($claim, $type, $peering);
  }

  private function add(array $claim, Incoming $incoming, array $record): void {
    $this->incomings[$claim['signature']] = $incoming;
    $this->records[$incoming->type->name][$claim['signature']] = $record;
  }

  private function make(bool $new): array {
    $made = [];
    foreach ($this->records as $name => $records) {
      if (count($records) > 1) {
        $made += $this->ofType(Registry::type($name), $records, $new);
      }
    }
    return $made;
  }

  private function ofType(ChangeType $type, array $records, bool $new): array {
    $incomings = array_intersect_key($this->incomings, $records);
    try {
      $ids = Writer::saveAll($type, $records, $new ? [] : self::rows($incomings));
    }
    catch (Unturned $e) {
      self::$unturned[$type->name] = TRUE;
      throw $e;
    }
    $rows = Journal::ofCauses(array_keys($records));
    $all = $new ? Reader::read($type, array_values($ids)) : [];
    if ($new && count($all) !== count($ids)) {
      throw new Lost('What was just written is gone: the database has rolled back on the way.');
    }
    foreach ($incomings as $signature => $incoming) {
      $incoming->made($ids[$signature], $rows[$signature], $all[$ids[$signature]] ?? NULL);
    }
    States::save(array_map(function (Incoming $incoming): array {
      return $incoming->newState();
    }, array_values($incomings)));
    $close = array_map(function (Incoming $incoming): array {
      return $incoming->rowsToClose();
    }, $incomings);
    Journal::settle(array_merge(...array_values($close)), []);
    $made = [];
    foreach ($incomings as $signature => $incoming) {
      if ($close[$signature] === []) {
        $incoming->close();
      }
      $made[$signature] = [$incoming, $incoming->concluded()];
    }
    return $made;
  }

  /**
   * @param Incoming[] $incomings
   *
   * @return array<int, array<string, string|null>>
   */
  private static function rows(array $incomings): array {
    $rows = [];
    foreach ($incomings as $incoming) {
      $rows += $incoming->row();
    }
    return $rows;
  }

}

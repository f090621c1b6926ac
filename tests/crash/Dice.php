<?php
declare(strict_types = 1);

namespace CiviShare\Crash;

/**
 * Chance, from one printed seed. Everybody who throws has dice of their own, so that the choices of one do not depend on when the
 * others make theirs.
 */
final class Dice {

  private readonly \Random\Randomizer $randomizer;

  public function __construct(int $seed, string $whose) {
    $this->randomizer = new \Random\Randomizer(new \Random\Engine\Xoshiro256StarStar(hash('sha256', "$seed $whose", TRUE)));
  }

  public function int(int $from, int $to): int {
    return $this->randomizer->getInt($from, $to);
  }

  /**
   * Seconds between two numbers of milliseconds.
   */
  public function seconds(int $from, int $to): float {
    return $this->int($from * 1000, $to * 1000) / 1e6;
  }

  public function chance(int $percent): bool {
    return $this->int(1, 100) <= $percent;
  }

  /**
   * @return mixed
   */
  public function one(array $of) {
    return array_values($of)[$this->int(0, count($of) - 1)];
  }

  public function shuffled(array $of): array {
    return $this->randomizer->shuffleArray($of);
  }

}

<?php
declare(strict_types = 1);

namespace CiviShare\Crash;

use CiviShare\E2e\Site;

/**
 * Runs the same work again and again, each time in a new process, as a request or a cron run is; and kills it where it is doomed.
 */
final class Runner {

  /**
   * So many seconds may one piece of work take before it counts as stuck.
   */
  const PATIENCE = 100;

  public int $runs = 0;

  public int $errors = 0;

  /**
   * @var string[]
   */
  public array $stuck = [];

  private ?Child $child = NULL;

  private float $next = 0;

  /**
   * @var array|null
   *   [state of the child, seconds in it, what to do once it is killed]
   */
  private ?array $doom = NULL;

  /**
   * @param callable $work
   *   Gives [code, arguments].
   * @param int[] $pause
   *   Milliseconds between two runs, from and to.
   * @param callable|null $answered
   *   Takes what the work gave.
   */
  public function __construct(
    private readonly Site $site,
    public readonly string $label,
    private readonly Dice $dice,
    private $work,
    private readonly array $pause,
    private $answered = NULL,
  ) {
  }

  /**
   * The next process that gets that far is killed.
   */
  public function doom(string $state, float $seconds, callable $killed): void {
    $this->doom = [$state, $seconds, $killed];
  }

  public function idle(): bool {
    return $this->child === NULL;
  }

  /**
   * @param bool $on
   *   FALSE: begin nothing new.
   */
  public function tick(bool $on): void {
    if ($this->child === NULL) {
      if ($on && microtime(TRUE) >= $this->next) {
        $this->child = new Child($this->site);
      }
      return;
    }
    $child = $this->child;
    $child->look();
    $this->execute();
    switch ($child->state) {
      case Child::READY:
        $on ? $child->give(...($this->work)()) : $child->end();
        break;

      case Child::ANSWERED:
        $this->runs++;
        $this->errors += isset($child->answer['error']) ? 1 : 0;
        if ($this->answered !== NULL && isset($child->answer['result'])) {
          ($this->answered)($child->answer['result']);
        }
        $child->end();
        break;

      case Child::ENDED:
        if ($this->doom !== NULL) {
          // It was too quick this time.
          $this->doom[1] *= $this->dice->int(0, 90) / 100;
        }
        $this->child = NULL;
        $this->next = microtime(TRUE) + $this->dice->seconds(...$this->pause);
        break;

      default:
        if ($child->age() > self::PATIENCE && !$child->killed) {
          $this->stuck[] = "{$this->label} was {$child->state} for " . self::PATIENCE . ' s';
          $child->kill();
        }
    }
  }

  private function execute(): void {
    if ($this->doom !== NULL && !$this->child->killed && $this->child->state === $this->doom[0] && $this->child->age() >= $this->doom[1]) {
      $this->child->kill();
      $killed = $this->doom[2];
      $this->doom = NULL;
      $killed();
    }
  }

}

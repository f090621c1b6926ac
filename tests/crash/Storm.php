<?php
declare(strict_types = 1);

namespace CiviShare\Crash;

use CiviShare\E2e\Site;

/**
 * Two sites under load, and one who kills.
 */
final class Storm {

  /**
   * What is killed, in these proportions and a new order each time round.
   */
  const DECK = ['save', 'save', 'record', 'send', 'send', 'process', 'process', 'worker', 'master', 'database'];

  /**
   * @var array<string, int>
   *   Kind => number of kills.
   */
  public array $kills = [];

  public int $deadlocks = 0;

  public int $locks = 0;

  /**
   * @var string[]
   */
  public array $stuck = [];

  /**
   * @var array<string, Runner|WebRunner>
   */
  private array $runners = [];

  /**
   * @var array<string, WebServer>
   */
  private array $servers = [];

  /**
   * @var array<string, Database>
   */
  private array $databases = [];

  /**
   * What is to be done at some time: [time, callable].
   *
   * @var array[]
   */
  private array $later = [];

  private int $deadlocksBefore = -1;

  private float $watched = 0;

  /**
   * @param array<string, Site> $sites
   * @param string $journals
   *   Folder.
   */
  public function __construct(private readonly array $sites, int $seed, private readonly Load $load, private readonly string $journals) {
    foreach ($sites as $name => $site) {
      $this->servers[$name] = new WebServer($site);
      if ($site->env('SITE_DB_SOCKET') !== NULL) {
        $this->databases[$name] = new Database($site);
      }
      $dice = fn(string $who) => new Dice($seed, "$name $who");
      $plan = $dice('cli plan');
      $this->runners["$name.cli"] = new Runner($site, "$name.cli", $dice('cli'), fn() => $this->saves("$name.cli", $plan), [0, 200]);
      $webPlan = $dice('web plan');
      $this->runners["$name.web"] = new WebRunner($site, "$name.web", $dice('web'), fn() => $this->saves("$name.web", $webPlan), [50, 400], $this->servers[$name]);
      foreach (['send', 'process'] as $job) {
        $this->runners["$name.$job"] = new Runner($site, "$name.$job", $dice($job), fn() => ["return civicrm_api3('Job', 'civishare_$job', [])['values'];", []], [300, 1500]);
      }
      $locking = $dice('lock');
      $lock = fn() => [file_get_contents(__DIR__ . '/site/lock.php', FALSE, NULL, 5), ['prefix' => $load->prefix, 'pause' => $locking->int(10, 60), 'seed' => $locking->int(1, 1 << 30)]];
      $this->runners["$name.lock"] = new Runner($site, "$name.lock", $dice('locker'), $lock, [800, 2500], function () {
        $this->locks++;
      });
    }
    $this->dice = new Dice($seed, 'killer');
  }

  private readonly Dice $dice;

  /**
   * Lets everybody work, and kills so often.
   */
  public function rage(int $kills): void {
    $deck = $this->deck($kills);
    $this->spin(fn() => FALSE, 3);
    foreach ($deck as $number => $kind) {
      $name = $this->dice->one(array_keys($this->sites));
      $killed = FALSE;
      $this->{"kill_$kind"}($name, function () use (&$killed, $kind): void {
        $killed = TRUE;
        $this->kills[$kind] = ($this->kills[$kind] ?? 0) + 1;
      });
      $this->spin(function () use (&$killed): bool {
        return $killed;
      }, 180);
      if (!$killed) {
        $this->stuck[] = "number $number, $kind on $name, was not there to be killed for three minutes";
      }
      $pause = $this->dice->seconds(300, 2000);
      $this->spin(fn() => FALSE, $pause);
    }
  }

  /**
   * Ends the load: nothing new begins, what runs may finish, what is down comes up.
   */
  public function calm(): void {
    $this->spin(fn() => $this->later === [], 60);
    $end = microtime(TRUE) + Runner::PATIENCE + 20;
    do {
      $busy = FALSE;
      foreach ($this->runners as $runner) {
        $runner->tick(FALSE);
        $busy = $busy || !$runner->idle();
      }
      usleep(2000);
    } while ($busy && microtime(TRUE) < $end);
    foreach ($this->runners as $label => $runner) {
      if ($runner instanceof Runner) {
        $this->stuck = array_merge($this->stuck, $runner->stuck);
      }
      if (!$runner->idle()) {
        $this->stuck[] = "$label does not end";
      }
    }
    foreach ($this->servers as $server) {
      $server->restart();
    }
  }

  /**
   * @return string[]
   *   Runner => how often it has run, and how often with an error.
   */
  public function told(): array {
    return array_map(fn($runner) => "{$runner->runs} runs" . ($runner->errors > 0 ? ", {$runner->errors} with an error" : ''), $this->runners);
  }

  /**
   * Errors that have no kill as their cause: every run of a runner failed.
   *
   * @return string[]
   */
  public function broken(): array {
    $broken = [];
    foreach ($this->runners as $label => $runner) {
      if ($runner->runs > 2 && $runner->errors === $runner->runs) {
        $broken[] = "$label: every run ended with an error";
      }
    }
    return $broken;
  }

  private function deck(int $kills): array {
    $usable = self::DECK;
    if (array_filter($this->sites, fn(Site $site) => $site->env('SITE_DB_PID') === NULL || $site->env('SITE_DB_UP') === NULL) !== []) {
      $usable = array_values(array_diff($usable, ['database']));
    }
    $deck = [];
    while (count($deck) < $kills) {
      $deck = array_merge($deck, $this->dice->shuffled($usable));
    }
    return array_slice($deck, 0, $kills);
  }

  private function saves(string $writer, Dice $dice): array {
    return ['require_once $file; return civishare_crash_saves($journal, $saves);', [
      'file' => __DIR__ . '/site/saves.php',
      'journal' => "$this->journals/$writer",
      'saves' => $this->load->plan($writer, $dice),
    ]];
  }

  /**
   * Lets all runners run.
   *
   * @param callable $until
   *   TRUE ends it.
   */
  private function spin(callable $until, float $seconds): void {
    $end = microtime(TRUE) + $seconds;
    do {
      foreach ($this->runners as $runner) {
        $runner->tick(TRUE);
      }
      $this->doLater();
      $this->watch();
      usleep(2000);
    } while (!$until() && microtime(TRUE) < $end);
  }

  private function doLater(): void {
    foreach ($this->later as $key => [$time, $work]) {
      if (microtime(TRUE) >= $time) {
        unset($this->later[$key]);
        $work();
      }
    }
  }

  private function later(float $seconds, callable $work): void {
    $this->later[] = [microtime(TRUE) + $seconds, $work];
  }

  // ---- the kinds ----

  private function kill_save(string $name, callable $killed): void {
    $this->runners["$name.cli"]->doom(Child::BUSY, $this->dice->seconds(0, 400), $killed);
  }

  /**
   * While it records what it has saved, at the end of the request.
   */
  private function kill_record(string $name, callable $killed): void {
    $this->runners["$name.cli"]->doom(Child::ENDING, $this->dice->seconds(0, 25), $killed);
  }

  private function kill_send(string $name, callable $killed): void {
    $this->runners["$name.send"]->doom(Child::BUSY, $this->dice->seconds(0, 250), $killed);
  }

  private function kill_process(string $name, callable $killed): void {
    $this->runners["$name.process"]->doom(Child::BUSY, $this->dice->seconds(0, 700), $killed);
  }

  private function kill_worker(string $name, callable $killed): void {
    $this->runners["$name.web"]->doom($this->dice->seconds(0, 600), function () use ($name, $killed): void {
      $killed();
      if ($this->servers[$name]->needsRestart()) {
        $this->later($this->dice->seconds(0, 1000), [$this->servers[$name], 'restart']);
      }
    });
  }

  private function kill_master(string $name, callable $killed): void {
    if ($this->servers[$name]->killMaster()) {
      $killed();
    }
    $this->later($this->dice->seconds(100, 2000), [$this->servers[$name], 'restart']);
  }

  private function kill_database(string $name, callable $killed): void {
    if ($this->databases[$name]->kill()) {
      foreach ($this->databases as $database) {
        $database->disconnect();
      }
      $this->deadlocksBefore = -1;
      $killed();
    }
    $this->later($this->dice->seconds(100, 1500), [$this->databases[$name], 'up']);
  }

  /**
   * The server's count of deadlocks begins anew with each start.
   */
  private function watch(): void {
    $database = reset($this->databases);
    if ($database === FALSE || microtime(TRUE) < $this->watched + 0.5) {
      return;
    }
    $this->watched = microtime(TRUE);
    try {
      $now = (int) $database->query("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'")->fetch_row()[1];
      $this->deadlocks += $this->deadlocksBefore === -1 ? 0 : max(0, $now - $this->deadlocksBefore);
      $this->deadlocksBefore = $now;
    }
    catch (\mysqli_sql_exception $e) {
      $database->disconnect();
      $this->deadlocksBefore = -1;
    }
  }

}

<?php
declare(strict_types = 1);

namespace CiviShare\Crash;

use CiviShare\E2e\Site;

/**
 * The processes that listen on a site's port: one master, and the workers that it has forked.
 */
final class WebServer {

  /**
   * @var array<int, int>|null
   *   Process => its parent.
   */
  private ?array $processes = NULL;

  /**
   * @var array<int, int>
   *   Process => CPU time at mark().
   */
  private array $marked = [];

  private int $killed = 0;

  public function __construct(private readonly Site $site) {
  }

  /**
   * Remembers who has worked how much so far.
   */
  public function mark(): void {
    $this->marked = [];
    foreach ($this->workers() as $pid) {
      $this->marked[$pid] = self::stat($pid)['cpu'] ?? 0;
    }
  }

  /**
   * Kills the worker that has worked most since mark(), if there is one that has worked.
   */
  public function killBusiest(): bool {
    $worked = [];
    foreach ($this->marked as $pid => $before) {
      $stat = self::stat($pid);
      if ($stat !== NULL && $stat['cpu'] > $before) {
        $worked[$pid] = $stat['cpu'] - $before;
      }
    }
    if ($worked === []) {
      return FALSE;
    }
    arsort($worked);
    $this->killed++;
    return posix_kill(array_key_first($worked), SIGKILL);
  }

  public function killMaster(): bool {
    $master = $this->master();
    return $master !== NULL && posix_kill($master, SIGKILL);
  }

  public function killAll(): void {
    foreach (array_keys($this->processes()) as $pid) {
      posix_kill($pid, SIGKILL);
    }
    $this->processes = NULL;
  }

  /**
   * The master forks no new ones.
   */
  public function needsRestart(): bool {
    return $this->killed >= 2;
  }

  public function restart(): void {
    $this->site->down();
    $this->site->up();
    $this->processes = NULL;
    $this->killed = 0;
  }

  public function master(): ?int {
    $processes = $this->processes();
    foreach ($processes as $pid => $parent) {
      if (!isset($processes[$parent])) {
        return $pid;
      }
    }
    return NULL;
  }

  /**
   * @return int[]
   */
  private function workers(): array {
    return array_values(array_diff(array_keys($this->processes()), [$this->master()]));
  }

  private function processes(): array {
    if ($this->processes === NULL) {
      $this->processes = [];
      $socket = self::listening((int) parse_url($this->site->url, PHP_URL_PORT));
      foreach ($socket === NULL ? [] : glob('/proc/[0-9]*/fd/*') as $fd) {
        if (@readlink($fd) === "socket:[$socket]") {
          $pid = (int) explode('/', $fd)[2];
          $stat = self::stat($pid);
          if ($stat !== NULL) {
            $this->processes[$pid] = $stat['parent'];
          }
        }
      }
    }
    return $this->processes;
  }

  /**
   * @return string|null
   *   The inode of the socket.
   */
  private static function listening(int $port): ?string {
    foreach (array_slice(file('/proc/net/tcp'), 1) as $line) {
      $fields = preg_split('/\s+/', trim($line));
      if ($fields[3] === '0A' && hexdec(explode(':', $fields[1])[1]) === $port) {
        return $fields[9];
      }
    }
    return NULL;
  }

  private static function stat(int $pid): ?array {
    $stat = @file_get_contents("/proc/$pid/stat");
    if (!is_string($stat) || $stat === '') {
      return NULL;
    }
    $fields = explode(' ', substr($stat, (int) strrpos($stat, ')') + 2));
    return ['parent' => (int) $fields[1], 'cpu' => (int) $fields[11] + (int) $fields[12]];
  }

}

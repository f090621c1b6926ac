<?php
declare(strict_types = 1);

namespace CiviShare\Crash;

use CiviShare\E2e\Site;

/**
 * A site's database from outside of CiviCRM, and its server.
 */
final class Database {

  private ?\mysqli $connection = NULL;

  public function __construct(private readonly Site $site) {
    mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
  }

  /**
   * @return \mysqli_result|bool
   */
  public function query(string $sql) {
    if ($this->connection === NULL) {
      $this->connection = @new \mysqli('localhost', $this->site->env('SITE_DB_USER'), $this->site->env('SITE_DB_PASSWORD') ?? '',
        $this->site->env('SITE_DB_NAME'), 0, $this->site->env('SITE_DB_SOCKET'));
    }
    return $this->connection->query($sql);
  }

  /**
   * @return mixed
   */
  public function value(string $sql) {
    return $this->query($sql)->fetch_row()[0] ?? NULL;
  }

  public function disconnect(): void {
    $this->connection = NULL;
  }

  public function kill(): bool {
    $pid = (int) trim((string) file_get_contents($this->site->env('SITE_DB_PID')));
    $name = trim((string) @file_get_contents("/proc/$pid/comm"));
    if (!in_array($name, ['mariadbd', 'mysqld'], TRUE) || !posix_kill($pid, SIGKILL)) {
      return FALSE;
    }
    // Not before: a gate that this connection holds shut would open, and what stands at it could be committed.
    $this->disconnect();
    // On a busy machine it takes its time to go, and up() would find it running.
    for ($tries = 0; $tries < 2000 && self::runs($pid); $tries++) {
      usleep(5000);
    }
    return TRUE;
  }

  private static function runs(int $pid): bool {
    $stat = (string) @file_get_contents("/proc/$pid/stat");
    return $stat !== '' && substr($stat, strrpos($stat, ')') + 2, 1) !== 'Z';
  }

  public function up(): void {
    $this->site->run('SITE_DB_UP');
  }

  /**
   * Does a commit outlive the server's process?
   */
  public function keepsCommits(): bool {
    return (int) $this->value('SELECT @@innodb_flush_log_at_trx_commit') > 0;
  }

}

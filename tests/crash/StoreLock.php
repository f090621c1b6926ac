<?php
declare(strict_types = 1);

namespace CiviShare\Crash;

use CiviShare\E2e\Site;

/**
 * Keeps a site's store from being written, for a few seconds at most: a process that wants to waits.
 */
final class StoreLock {

  private \SQLite3 $file;

  private bool $held = FALSE;

  public function __construct(Site $site) {
    $this->file = new \SQLite3($site->store()['path']);
    $this->file->busyTimeout(5000);
  }

  public function take(): void {
    $this->file->exec('BEGIN IMMEDIATE');
    $this->held = TRUE;
  }

  public function release(): void {
    if ($this->held) {
      $this->file->exec('ROLLBACK');
      $this->held = FALSE;
    }
  }

  public function value(string $sql): int {
    return (int) $this->file->querySingle($sql);
  }

}

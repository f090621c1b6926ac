<?php
declare(strict_types = 1);

namespace Civi\Share\Job;

use Civi\Share\Apply\Choice;
use Civi\Share\Apply\Missing;
use Civi\Share\Apply\Pairs;
use Civi\Share\Conflict\Conflicts;
use Civi\Share\Db;
use Civi\Share\Instance;
use Civi\Share\Native;
use Civi\Share\Peering;
use Civi\Share\Rotation;

/**
 * What the job does beside its work: ends what has run its time, and forgets what has expired.
 */
final class Housekeeping {

  /**
   * For so long a change that was applied is known as such (protocol.md, "Loop detection").
   */
  const MARKS_DAYS = 30;

  /**
   * Seconds between two sweeps.
   */
  const INTERVAL = 3600;

  public static function run(): void {
    Rotation::finish();
    $last = (int) Instance::fact('swept');
    if (time() - $last >= self::INTERVAL || $last > time()) {
      Instance::note('swept', (string) time());
      self::sweep();
    }
  }

  private static function sweep(): void {
    Native::store()->sweep();
    Conflicts::sweep();
    Missing::sweep();
    Choice::sweep();
    Pairs::sweep();
    $until = (int) ((microtime(TRUE) - self::MARKS_DAYS * 86400) * 1000);
    Db::again(function () use ($until): void {
      Db::run("DELETE FROM civicrm_share_applied WHERE applied_ms < $until LIMIT 50000");
    });
    // An ended peering keeps its key for as long as it answers, and no longer.
    Db::run('UPDATE civicrm_share_node_peering SET secret = NULL, secret_new = NULL, secret_date = NULL, secret_new_date = NULL
      WHERE ended_date < DATE_SUB(NOW(), INTERVAL ' . Peering::ENDED_DAYS . ' DAY) AND secret IS NOT NULL');
  }

}

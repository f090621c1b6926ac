<?php
declare(strict_types = 1);

namespace Civi\Share\Apply;

use Civi\Share\Db;

/**
 * The database transaction of a batch of received changes, on which CiviCRM's own transactions pile up as savepoints.
 *
 * After a deadlock CiviCRM repeats only the failed statement, while the server has rolled back everything before it; the rest would
 * be committed piece by piece. So a sentinel row is written first, and if it is gone in the end, the batch counts as lost.
 */
final class Transaction {

  /**
   * CiviCRM's own, while it is open. Not a property of the object: exit destroys what the functions hold before it runs the shutdown
   * functions, and that would commit.
   */
  private static ?\CRM_Core_Transaction $base = NULL;

  private string $sentinel;

  public function __construct() {
    if (Db::inTransaction()) {
      throw new \RuntimeException('Changes can not be applied inside of another transaction.');
    }
    $this->sentinel = 'sentinel:' . bin2hex(random_bytes(16));
    if (self::mayReadCommitted()) {
      // Each read then sees what others have committed meanwhile, and locks hold rows only, not the gaps where others insert.
      Db::run('SET TRANSACTION ISOLATION LEVEL READ COMMITTED');
    }
    self::$base = new \CRM_Core_Transaction();
    self::guard();
    // The first write through CiviCRM is what begins the transaction on the server.
    \CRM_Core_DAO::executeQuery("INSERT INTO civicrm_share_applied (signature, applied_ms) VALUES ('$this->sentinel', 0)");
  }

  /**
   * @throws Lost
   *   If the server has rolled the transaction back on the way.
   */
  public function commit(): void {
    if (Db::run("DELETE FROM civicrm_share_applied WHERE signature = '$this->sentinel'") !== 1) {
      throw new Lost('The database rolled the batch back on the way.');
    }
    $base = self::$base;
    self::$base = NULL;
    $base->commit();
  }

  public function rollback(): void {
    $base = self::$base;
    self::$base = NULL;
    try {
      $base->rollback()->commit();
    }
    catch (\Throwable $e) {
      \Civi::log()->warning('CiviShare: ' . $e->getMessage());
    }
    // What was committed piece by piece after a deadlock takes the sentinel along only if that came before it.
    Db::run("DELETE FROM civicrm_share_applied WHERE signature = '$this->sentinel'");
  }

  /**
   * Where a hook calls exit, CiviCRM commits what was done so far, which here would be half a change.
   */
  private static function guard(): void {
    static $registered = FALSE;
    if (!$registered) {
      $registered = TRUE;
      register_shutdown_function(function (): void {
        $frame = self::$base === NULL ? NULL : \Civi\Core\Transaction\Manager::singleton()->getBaseFrame();
        if ($frame !== NULL) {
          $frame->setRollbackOnly();
        }
      });
    }
  }

  /**
   * With a binary log of statements the server refuses writes at READ COMMITTED.
   */
  public static function mayReadCommitted(): bool {
    static $may = NULL;
    return $may ??= Db::value("SELECT @@log_bin = 0 OR @@binlog_format <> 'STATEMENT'") === '1';
  }

}

<?php
declare(strict_types = 1);

namespace Civi\Share\Job;

use Civi\Share\Apply\Applier;
use Civi\Share\Apply\Missing;
use Civi\Share\Db;
use Civi\Share\Detect\Detector;
use Civi\Share\Detect\Mode;
use Civi\Share\Journal\Sieve;
use Civi\Share\LocalNode;
use Civi\Share\Native;
use Civi\Share\Settle\Settler;
use Civi\Share\Site\Site;
use Civi\Share\Trouble;
use CRM_Share_ExtensionUtil as E;

/**
 * The job "CiviShare: process": settles what the journal still holds, then applies what has come in.
 */
final class Process {

  /**
   * Seconds after which no further batch is begun: other jobs want their turn.
   */
  const SECONDS = 50;

  const LOCK_SECONDS = 5;

  /**
   * @return string[]
   *   Sentences for the job log.
   */
  public static function run(): array {
    if (LocalNode::identifier() === NULL) {
      return [E::ts('This site has no local node yet, so nothing is shared.')];
    }
    // CiviCRM would repeat a statement after a deadlock although the server has rolled back all before it. Where the settings file has
    // set it already, Transaction notices.
    defined('CIVICRM_DEADLOCK_RETRIES') || define('CIVICRM_DEADLOCK_RETRIES', 1);
    // A change that somebody's long transaction stands in the way of can come later.
    Db::run('SET SESSION innodb_lock_wait_timeout = ' . self::LOCK_SECONDS);
    if (!Site::ready()) {
      return [Site::heldSentence()];
    }
    $deadline = microtime(TRUE) + self::seconds();
    $told = self::settle();
    $outcomes = (new Applier(Native::store()))->run($deadline);
    if (Missing::ask($deadline) > 0) {
      foreach ((new Applier(Native::store()))->run($deadline) as $outcome => $number) {
        $outcomes[$outcome] = ($outcomes[$outcome] ?? 0) + $number;
      }
    }
    Trouble::clear('apply');
    Trouble::clear('forward');
    Housekeeping::run();
    Db::run('SET SESSION innodb_lock_wait_timeout = DEFAULT');
    return self::sentences($told, $outcomes);
  }

  /**
   * Records what was left behind. Also the first step of sending.
   *
   * @return int
   *   Number of changes.
   */
  public static function settle(): int {
    Detector::flush();
    Mode::adopt(microtime(TRUE) + self::SECONDS);
    if (Mode::isLog()) {
      Sieve::run(microtime(TRUE) + self::SECONDS);
    }
    Settler::forLocalEdits()->leftBehind();
    $changes = Settler::publishLeftovers();
    Trouble::clear('record');
    return $changes;
  }

  /**
   * By the Run now link the job is an ordinary page, with an ordinary page's limit.
   */
  private static function seconds(): float {
    $limit = (int) ini_get('max_execution_time');
    return $limit > 0 ? min(self::SECONDS, $limit * 0.6) : self::SECONDS;
  }

  /**
   * @return string[]
   */
  private static function sentences(int $told, array $outcomes): array {
    $sentences = [];
    if ($told > 0) {
      $sentences[] = E::ts('%1 changes of this site went to the outbox.', [1 => $told]);
    }
    $texts = [
      'applied' => E::ts('%1 changes were applied.', [1 => $outcomes['applied'] ?? 0]),
      'ignored' => E::ts('%1 changes were known already.', [1 => $outcomes['ignored'] ?? 0]),
      'wait' => E::ts('%1 changes wait.', [1 => $outcomes['wait'] ?? 0]),
      'retry' => E::ts('%1 changes could not be applied and will be tried again.', [1 => $outcomes['retry'] ?? 0]),
      'dead' => E::ts('%1 changes can not be applied; see the dead letters.', [1 => $outcomes['dead'] ?? 0]),
    ];
    return array_merge($sentences, array_values(array_intersect_key($texts, array_filter($outcomes)))) ?: [E::ts('Nothing to do.')];
  }

}

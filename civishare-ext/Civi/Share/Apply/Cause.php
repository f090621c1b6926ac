<?php
declare(strict_types = 1);

namespace Civi\Share\Apply;

use Civi\Share\Db;

/**
 * The received change that is being applied: the triggers note it beside everything that is written meanwhile, by us, by CiviCRM or by
 * other extensions.
 */
final class Cause {

  /**
   * Beside the values of a record that is saved together with others: its cause.
   */
  const MEMBER = 'civishare_cause';

  /**
   * Before any extension's hook is called.
   */
  private const FIRST = 10000;

  /**
   * Stands until the next one is set. NULL at the end of a batch.
   */
  public static function set(?string $cause): void {
    Db::run('SET @civishare_cause = ' . Db::quote($cause));
  }

  /**
   * Runs what saves many records, each with a cause of its own beside its values.
   *
   * @param int $records
   *   How many.
   *
   * @return mixed
   *   What $work gives.
   *
   * @throws \Civi\Share\Apply\Unturned
   *   If not each of them has been told by a hook before it was saved.
   */
  public static function inTurn(int $records, callable $work) {
    $turns = 0;
    $turn = function ($event) use (&$turns): void {
      if (is_array($event->params) && isset($event->params[self::MEMBER])) {
        $turns++;
        self::set((string) $event->params[self::MEMBER]);
        // No extension need know.
        unset($event->params[self::MEMBER]);
      }
    };
    \Civi::dispatcher()->addListener('hook_civicrm_pre', $turn, self::FIRST);
    try {
      $result = $work();
    }
    finally {
      \Civi::dispatcher()->removeListener('hook_civicrm_pre', $turn);
      self::set(NULL);
    }
    if ($turns !== $records) {
      throw new Unturned("Of $records records $turns were told by a hook before they were saved.");
    }
    return $result;
  }

}

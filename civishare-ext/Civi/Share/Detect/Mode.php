<?php
declare(strict_types = 1);

namespace Civi\Share\Detect;

use Civi\Share\Journal\Log;
use Civi\Share\Journal\Sieve;
use Civi\Share\Journal\Triggers;

/**
 * How this site notices edits: by hooks and triggers of its own, or from CiviCRM's extended logging, where it may create no triggers.
 *
 * The setting says what is wanted. A job makes the change, in an order in which no edit falls between the two.
 */
final class Mode {

  const TRIGGERS = 'triggers';
  const LOG = 'log';

  /**
   * The triggers are back, and the log is still to be read for the last time.
   */
  private const LEAVING = 'leaving';

  private const WANTED = 'civishare_detection';
  private const IN_FORCE = 'civishare_detection_in_force';

  public static function isLog(): bool {
    return \Civi::settings()->get(self::IN_FORCE) === self::LOG;
  }

  public static function wantsLog(): bool {
    return \Civi::settings()->get(self::WANTED) === self::LOG;
  }

  /**
   * Changes over to what is wanted, if it is another way than the one in force.
   *
   * @param float $deadline
   *   Unix time at which the preparation is put off to the next run.
   */
  public static function adopt(float $deadline): void {
    $inForce = \Civi::settings()->get(self::IN_FORCE) ?? self::TRIGGERS;
    if ($inForce === self::LOG && !self::wantsLog()) {
      $inForce = self::LEAVING;
      self::setInForce($inForce);
      Triggers::renew();
    }
    if ($inForce === self::LEAVING && Sieve::run($deadline)) {
      // What was edited before the triggers stood has been recorded.
      Sieve::forget();
      self::setInForce(self::TRIGGERS);
    }
    elseif ($inForce === self::TRIGGERS && self::wantsLog() && Log::isOn() && Sieve::learn($deadline)) {
      // As long as they stood, the triggers have noted what was edited meanwhile.
      self::setInForce(self::LOG);
      Triggers::renew();
    }
  }

  private static function setInForce(string $mode): void {
    \Civi::settings()->set(self::IN_FORCE, $mode);
    Detector::reset();
  }

}

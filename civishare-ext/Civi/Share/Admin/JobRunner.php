<?php
declare(strict_types = 1);

namespace Civi\Share\Admin;

use Civi\Share\Native;
use CRM_Share_ExtensionUtil as E;

/**
 * Runs the body of a scheduled job and tells CiviCRM how it went, whatever it throws.
 */
final class JobRunner {

  /**
   * @param string $job
   *   Class with a static run().
   *
   * @return array
   *   An API v3 answer.
   */
  public static function run(string $job): array {
    if (!Native::available()) {
      return civicrm_api3_create_error(E::ts('The native module "civishare" is missing, or of another version than the extension. See the System Status page.'));
    }
    try {
      return civicrm_api3_create_success(self::sentence($job::run()));
    }
    catch (\Throwable $e) {
      \Civi::log()->error('CiviShare job {job}: {error}', ['job' => $job, 'error' => $e]);
      return civicrm_api3_create_error(E::ts('CiviShare could not finish: %1', [1 => $e->getMessage()]));
    }
  }

  /**
   * @param string|string[]|null $result
   *   What the job has to say; it goes to the job log, which takes one text.
   */
  private static function sentence($result): string {
    $sentences = array_filter((array) $result, 'strlen');
    return $sentences === [] ? E::ts('Nothing to do.') : implode("\n", $sentences);
  }

}

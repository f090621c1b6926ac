<?php
declare(strict_types = 1);

namespace Civi\Share\Apply;

/**
 * The whole transaction is lost or must not be committed: nothing is wrong with the changes, they are to be tried again.
 */
final class Lost extends \RuntimeException {

  /**
   * Is this a deadlock, or a lock that did not come in time, in one of the shapes that CiviCRM gives it?
   */
  public static function is(\Throwable $e): bool {
    for (; $e !== NULL; $e = $e->getPrevious()) {
      if ($e instanceof self || ($e instanceof \Civi\Share\DbException && in_array($e->getCode(), \Civi\Share\Db::RETRY, TRUE))) {
        return TRUE;
      }
      $detail = $e instanceof \PEAR_Exception && $e->getCause() instanceof \PEAR_Error ? (string) $e->getCause()->getUserInfo() : '';
      if (preg_match('/nativecode=(1213|1205)\b|Database (deadlock|lock) encountered/', $e->getMessage() . ' ' . $detail)) {
        return TRUE;
      }
    }
    return FALSE;
  }

}

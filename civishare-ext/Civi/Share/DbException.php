<?php
declare(strict_types = 1);

namespace Civi\Share;

/**
 * A statement failed. The code is the server's error number.
 */
final class DbException extends \RuntimeException {

  /**
   * "Record has changed since last read": also what is thrown here where somebody else was quicker.
   */
  const CHANGED = 1020;

}

<?php
declare(strict_types = 1);

namespace Civi\Api4\Action\ShareChange;

use Civi\Share\Admin\BatchAction;
use Civi\Share\Native;

/**
 * Throws dead letters away for good.
 */
final class Discard extends BatchAction {

  /**
   * @param array $item
   */
  protected function doTask($item): array {
    Native::store()->discardDead((int) $item['id']);
    return ['id' => $item['id']];
  }

}

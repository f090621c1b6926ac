<?php
declare(strict_types = 1);

namespace Civi\Api4\Action\ShareChange;

use Civi\Share\Admin\BatchAction;
use Civi\Share\Apply\Missing;
use Civi\Share\Native;

/**
 * Puts dead letters back into their queue, at the end: the next job tries them again.
 */
final class Retry extends BatchAction {

  /**
   * @param array $item
   */
  protected function doTask($item): array {
    Missing::reconsider();
    Native::store()->retryDead((int) $item['id']);
    return ['id' => $item['id']];
  }

}

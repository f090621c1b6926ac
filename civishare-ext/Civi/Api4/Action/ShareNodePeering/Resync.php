<?php
declare(strict_types = 1);

namespace Civi\Api4\Action\ShareNodePeering;

use Civi\Share\Admin\BatchAction;
use Civi\Share\Resync\Resync as Resynchronisation;

/**
 * Tells the remote nodes everything once more that their peerings let out, and asks them for the same. The jobs do it.
 */
final class Resync extends BatchAction {

  /**
   * @param array $item
   */
  protected function doTask($item): array {
    Resynchronisation::request((int) $item['id'], TRUE);
    return ['id' => $item['id']];
  }

}

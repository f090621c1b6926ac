<?php
declare(strict_types = 1);

namespace Civi\Api4\Action\ShareNodePeering;

use Civi\Share\Admin\BatchAction;

/**
 * Lets peerings that fail or were stopped be tried with the next job, without waiting for their schedule.
 */
final class Resume extends BatchAction {

  /**
   * @param array $item
   */
  protected function doTask($item): array {
    \CRM_Share_BAO_ShareNodePeering::resume((int) $item['id']);
    return ['id' => $item['id']];
  }

}

<?php
declare(strict_types = 1);

namespace Civi\Api4\Action\ShareNodePeering;

use Civi\Share\Admin\BatchAction;

/**
 * Ends peerings: nothing goes out or comes in any more, and for 90 days the remote node is told so when it calls.
 */
final class End extends BatchAction {

  /**
   * @param array $item
   */
  protected function doTask($item): array {
    \CRM_Share_BAO_ShareNodePeering::end((int) $item['id']);
    return ['id' => $item['id']];
  }

}

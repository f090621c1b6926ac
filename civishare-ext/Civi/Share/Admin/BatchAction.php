<?php
declare(strict_types = 1);

namespace Civi\Share\Admin;

use Civi\Api4\Generic\BasicBatchAction;
use Civi\Api4\Generic\Result;

/**
 * An action on each of several records that ends with the first that fails, and says why.
 */
abstract class BatchAction extends BasicBatchAction {

  /**
   * From 6.18 on, CiviCRM would only write the reason into its log, and answer as if there had been nothing to do.
   */
  protected function processBatch(Result $result, array $items): void {
    foreach ($items as $item) {
      $result[] = $this->doTask($item);
    }
  }

}

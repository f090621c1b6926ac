<?php
declare(strict_types = 1);

namespace Civi\Api4\Action\ShareNodePeering;

use Civi\Api4\Generic\AbstractAction;
use Civi\Api4\Generic\Result;
use Civi\Share\Secrets;

/**
 * Makes a secret for a peering, to be entered on both sites. Nothing is stored.
 */
final class NewSecret extends AbstractAction {

  /**
   * @param \Civi\Api4\Generic\Result $result
   */
  public function _run(Result $result): void {
    $result->exchangeArray([['secret' => Secrets::generate()]]);
  }

}

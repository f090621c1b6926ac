<?php
declare(strict_types = 1);

namespace Civi\Api4\Action\ShareConflict;

use Civi\Api4\Generic\BasicGetAction;
use Civi\Share\Conflict\Conflicts;

/**
 * Lists the conflicts that wait for a decision, oldest first.
 */
final class Get extends BasicGetAction {

  protected function getRecords(): array {
    return Conflicts::open();
  }

}

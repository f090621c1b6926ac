<?php
declare(strict_types = 1);

namespace Civi\Api4\Action\ShareChange;

use Civi\Api4\Generic\AbstractAction;
use Civi\Api4\Generic\Result;
use Civi\Share\Detect\Mode;
use Civi\Share\Journal\Sieve;
use Civi\Share\Type\Registry;
use CRM_Share_ExtensionUtil as E;

/**
 * Compares everything of one change type with what was last known of it, and records what differs.
 *
 * For sites that find edits in CiviCRM's log, which does not show all of them.
 *
 * @method $this setType(string $type)
 */
final class Compare extends AbstractAction {

  /**
   * Name of a change type, such as civishare.change.contact.base.
   *
   * @var string
   * @required
   */
  protected $type;

  public function _run(Result $result): void {
    $type = Registry::active()[$this->type] ?? NULL;
    if ($type === NULL) {
      throw new \API_Exception(E::ts('No peering shares the change type %1.', [1 => $this->type]));
    }
    if (!Mode::isLog()) {
      throw new \API_Exception(E::ts('This site notices edits by triggers, which miss none.'));
    }
    $result[] = ['type' => $this->type, 'compared' => Sieve::compare($type)];
  }

}

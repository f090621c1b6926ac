<?php
declare(strict_types = 1);

namespace Civi\Api4\Action\ShareChange;

use Civi\Share\Admin\BatchAction;
use Civi\Share\Apply\Choice;
use Civi\Share\Native;
use CRM_Share_ExtensionUtil as E;

/**
 * Says which contact of this site a new contact from a peer is, where the matching rule could not tell; the next job applies its change.
 *
 * @method $this setContactId(int $contactId)
 * @method $this setNewContact(bool $newContact)
 */
final class Link extends BatchAction {

  /**
   * The contact of this site. What is set here stays: a default does not replace it, and an opt-out is not lifted.
   *
   * @var int
   */
  protected $contactId;

  /**
   * It is none of this site's: make a new contact.
   *
   * @var bool
   */
  protected $newContact = FALSE;

  /**
   * @param array $item
   */
  protected function doTask($item): array {
    if (empty($this->contactId) === empty($this->newContact)) {
      throw new \CRM_Core_Exception(E::ts('Give either contactId or newContact.'));
    }
    foreach (Native::store()->deadLetters() as $letter) {
      if ((int) $letter['id'] === (int) $item['id']) {
        Choice::make($letter, empty($this->contactId) ? NULL : (int) $this->contactId);
        return ['id' => $item['id']];
      }
    }
    throw new \CRM_Core_Exception(E::ts('There is no such change any more.'));
  }

}

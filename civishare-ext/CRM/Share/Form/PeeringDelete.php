<?php

use CRM_Share_ExtensionUtil as E;

/**
 * Deletes a peering with all that waits for it.
 */
class CRM_Share_Form_PeeringDelete extends CRM_Share_Form_PeeringConfirm {

  protected function texts(): array {
    return [
      'title' => E::ts('CiviShare: Delete a peering'),
      'question' => E::ts('Delete the peering with %1? Its secret and all changes that still wait for it are lost, and the other site will only see that it is refused. If it should be told, end the peering instead.', [1 => $this->remoteName()]),
      'button' => E::ts('Delete'),
    ];
  }

  protected function carryOut(): void {
    $this->finish('ShareNodePeering', 'delete', E::ts('The peering is deleted.'));
  }

}

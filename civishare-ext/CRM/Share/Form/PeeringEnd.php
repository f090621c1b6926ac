<?php

use CRM_Share_ExtensionUtil as E;

/**
 * Ends a peering: the other site is told, and nothing is shared any more.
 */
class CRM_Share_Form_PeeringEnd extends CRM_Share_Form_PeeringConfirm {

  protected function texts(): array {
    return [
      'title' => E::ts('CiviShare: End a peering'),
      'question' => E::ts('End the peering with %1? Nothing goes out or comes in any more; for 90 days the other site is told so when it calls. What has been shared stays on both sites.', [1 => $this->remoteName()]),
      'button' => E::ts('End peering'),
    ];
  }

  protected function carryOut(): void {
    $this->finish('ShareNodePeering', 'end', E::ts('The peering is ended.'));
  }

}

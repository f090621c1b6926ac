<?php

use CRM_Share_ExtensionUtil as E;

/**
 * Lets a peering that fails or was stopped be tried again.
 */
class CRM_Share_Form_PeeringResume extends CRM_Share_Form_PeeringConfirm {

  protected function texts(): array {
    return [
      'title' => E::ts('CiviShare: Try a peering again'),
      'question' => E::ts('Send to %1 again with the next job? If sending was stopped because one of the two sites seems to be a copy, make sure first that only one of them uses this identifier.', [1 => $this->remoteName()]),
      'button' => E::ts('Try again'),
    ];
  }

  protected function carryOut(): void {
    $this->finish('ShareNodePeering', 'resume', E::ts('The next job tries it again.'));
  }

}

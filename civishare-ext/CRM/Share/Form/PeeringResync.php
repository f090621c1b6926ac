<?php

use CRM_Share_ExtensionUtil as E;

/**
 * Tells a remote node everything once more, and asks it for the same.
 */
class CRM_Share_Form_PeeringResync extends CRM_Share_Form_PeeringConfirm {

  protected function texts(): array {
    return [
      'title' => E::ts('CiviShare: Resynchronise'),
      'question' => E::ts('Tell %1 everything once more that this site shares with it, and ask it for the same? Nothing is overwritten by older values. On large sites this takes many runs of the jobs.', [1 => $this->remoteName()]),
      'button' => E::ts('Resynchronise'),
    ];
  }

  protected function carryOut(): void {
    $this->finish('ShareNodePeering', 'resync', E::ts('The next job begins.'));
  }

}

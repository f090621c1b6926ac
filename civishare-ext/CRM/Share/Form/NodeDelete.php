<?php

use CRM_Share_ExtensionUtil as E;

/**
 * Deletes a node.
 */
class CRM_Share_Form_NodeDelete extends CRM_Share_Form_Confirm {

  protected function listPath(): string {
    return 'civicrm/admin/share/nodes';
  }

  protected function texts(): array {
    return [
      'title' => E::ts('CiviShare: Delete a node'),
      'question' => E::ts('Delete the node %1?', [1 => $this->record('ShareNode')['name']]),
      'button' => E::ts('Delete'),
    ];
  }

  protected function carryOut(): void {
    $this->finish('ShareNode', 'delete', E::ts('The node is deleted.'));
  }

}

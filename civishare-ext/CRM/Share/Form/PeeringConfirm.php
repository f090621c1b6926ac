<?php

/**
 * A question about a peering.
 */
abstract class CRM_Share_Form_PeeringConfirm extends CRM_Share_Form_Confirm {

  protected function listPath(): string {
    return 'civicrm/admin/share/peerings';
  }

  /**
   * What people call the remote node.
   */
  protected function remoteName(): string {
    $peering = $this->record('ShareNodePeering');
    $nodes = civicrm_api4('ShareNode', 'get', ['where' => [['id', '=', $peering['remote_node_id']]], 'select' => ['name']]);
    return (string) $nodes->first()['name'];
  }

}

<?php

use Civi\Share\Admin\OwnAddress;
use CRM_Share_ExtensionUtil as E;

/**
 * The list of nodes.
 */
class CRM_Share_Page_Nodes extends CRM_Core_Page {

  public function run() {
    CRM_Utils_System::setTitle(E::ts('CiviShare: Nodes'));
    $nodes = \Civi\Api4\ShareNode::get()
      ->addOrderBy('is_local', 'DESC')
      ->addOrderBy('name', 'ASC')
      ->execute()
      ->getArrayCopy();
    $this->assign('nodes', $nodes);
    $this->assign('hasLocal', in_array(TRUE, array_column($nodes, 'is_local'), TRUE));
    $this->assign('endpoint', OwnAddress::endpoint());
    return parent::run();
  }

}

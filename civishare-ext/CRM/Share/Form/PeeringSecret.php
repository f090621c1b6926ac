<?php

use Civi\Share\Rotation;
use Civi\Share\Secrets;
use CRM_Share_ExtensionUtil as E;

/**
 * Changes the secret of a peering that is in use.
 */
class CRM_Share_Form_PeeringSecret extends CRM_Share_Form_Base {

  protected function listPath(): string {
    return 'civicrm/admin/share/peerings';
  }

  public function buildQuickForm() {
    CRM_Utils_System::setTitle(E::ts('CiviShare: Change a secret'));
    $peering = $this->record('ShareNodePeering');
    $node = civicrm_api4('ShareNode', 'get', ['where' => [['id', '=', $peering['remote_node_id']]], 'select' => ['name']])->first();
    $this->assign('remote', (string) $node['name']);
    $this->assign('rotation', Rotation::sentence($peering));
    $this->add('password', 'secret', E::ts('New secret'), ['class' => 'huge', 'autocomplete' => 'new-password'], TRUE);
    $this->addFormButtons(E::ts('Save'));
    $this->addFormRule([__CLASS__, 'rule']);
  }

  /**
   * @param array $fields
   *
   * @return array|bool
   */
  public static function rule($fields) {
    try {
      Secrets::check(Secrets::clean((string) $fields['secret']));
      return TRUE;
    }
    catch (\InvalidArgumentException $e) {
      return ['secret' => $e->getMessage()];
    }
  }

  protected function carryOut(): void {
    $secret = (string) $this->exportValues()['secret'];
    $this->forgetSecret();
    $this->finish('ShareNodePeering', 'rotateSecret', E::ts('The new secret is taken from now on. Enter it on the other site, too.'), ['secret' => $secret]);
  }

}

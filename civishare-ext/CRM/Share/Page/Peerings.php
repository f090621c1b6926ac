<?php

use Civi\Share\Admin\OwnAddress;
use Civi\Share\Admin\PeeringHealth;
use Civi\Share\LocalNode;
use Civi\Share\Native;
use Civi\Share\Resync\Resync;
use Civi\Share\Rotation;
use CRM_Share_ExtensionUtil as E;

/**
 * The list of peerings and how each of them does.
 */
class CRM_Share_Page_Peerings extends CRM_Core_Page {

  public function run() {
    CRM_Utils_System::setTitle(E::ts('CiviShare: Peerings'));
    $health = new PeeringHealth();
    $this->assign('peerings', self::rows($health));
    $this->assign('healthKnown', $health->known());
    $this->assign('storeError', $health->error());
    $this->assign('dead', $health->dead());
    $this->assign('nativeMissing', !Native::available());
    $this->assign('identifier', LocalNode::identifier());
    $this->assign('endpoint', OwnAddress::endpoint());
    return parent::run();
  }

  private static function rows(PeeringHealth $health): array {
    $names = \Civi\Api4\ShareNode::get()->addSelect('id', 'name', 'identifier')->execute()->indexBy('id');
    $rows = [];
    foreach (\Civi\Api4\ShareNodePeering::get()->addOrderBy('id')->execute() as $peering) {
      $rows[] = [
        'id' => $peering['id'],
        'name' => $names[$peering['remote_node_id']]['name'],
        'identifier' => $names[$peering['remote_node_id']]['identifier'],
        'state' => self::state($peering, $health->of((int) $peering['id'])),
        'ended' => !empty($peering['ended_date']),
        'hasSecret' => !empty($peering['secret_date']),
        'rotation' => Rotation::sentence($peering),
        'resync' => Resync::sentence((int) $peering['id']),
        'out' => self::shortNames($peering['types_out']),
        'in' => self::shortNames($peering['types_in']),
      ] + self::healthRow($health->of((int) $peering['id']));
    }
    return $rows;
  }

  /**
   * The names of types without what all of ours begin with: two columns of whole names would push the links off the page.
   */
  private static function shortNames(?array $types): array {
    return preg_replace('/^civishare\\.change\\./', '', array_column($types ?? [], 'type'));
  }

  private static function healthRow(array $health): array {
    return [
      'backlog' => (int) ($health['backlog'] ?? 0),
      'lastSuccess' => PeeringHealth::time($health['last_success'] ?? NULL),
      'lastError' => (string) ($health['last_error'] ?? ''),
      'failingSince' => PeeringHealth::time($health['failing_since'] ?? NULL),
      'nextAttempt' => PeeringHealth::time($health['next_attempt'] ?? NULL),
    ];
  }

  private static function state(array $peering, array $health): string {
    if (!empty($peering['ended_date'])) {
      return E::ts('Ended');
    }
    if (!$peering['is_enabled']) {
      return E::ts('Disabled');
    }
    if (!empty($health['stopped'])) {
      return E::ts('Stopped');
    }
    if (empty($peering['secret_date'])) {
      return E::ts('No secret yet');
    }
    return empty($peering['endpoint_url']) ? E::ts('No endpoint yet') : E::ts('Enabled');
  }

}

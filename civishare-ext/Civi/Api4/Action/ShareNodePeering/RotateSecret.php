<?php
declare(strict_types = 1);

namespace Civi\Api4\Action\ShareNodePeering;

use Civi\Share\Admin\BatchAction;
use Civi\Share\Rotation;
use Civi\Share\Secrets;

/**
 * Begins the change of a peering's secret: on one site without a secret, which makes one and tells it this once; on the other with that
 * one. Until both sites have it, and for 7 days at most, the old secret is taken as well.
 *
 * @method $this setSecret(string $secret)
 */
final class RotateSecret extends BatchAction {

  /**
   * The new secret, made on the other site. Left out: one is made here.
   *
   * @var string
   */
  protected $secret;

  /**
   * @param array $item
   *
   * @throws \CRM_Core_Exception
   */
  protected function doTask($item): array {
    $given = Secrets::clean((string) $this->secret);
    $secret = $given === '' ? Secrets::generate() : $given;
    try {
      Rotation::begin((int) $item['id'], $secret);
    }
    catch (\InvalidArgumentException $e) {
      throw new \CRM_Core_Exception($e->getMessage());
    }
    return ['id' => $item['id']] + ($given === '' ? ['secret' => $secret] : []);
  }

}

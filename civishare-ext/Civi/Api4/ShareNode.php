<?php
declare(strict_types = 1);

namespace Civi\Api4;

use Civi\Api4\Action\ShareNode\DeclareSite;
use Civi\Share\Admin\Permission;

/**
 * A node of the network: this site, or one that it shares with.
 *
 * @searchable secondary
 * @package Civi\Api4
 */
final class ShareNode extends Generic\DAOEntity {

  /**
   * @param bool $checkPermissions
   */
  public static function declareSite($checkPermissions = TRUE): DeclareSite {
    return (new DeclareSite('ShareNode', __FUNCTION__))->setCheckPermissions($checkPermissions);
  }

  public static function permissions(): array {
    return [
      'meta' => ['access CiviCRM'],
      'default' => [Permission::ADMINISTER],
    ];
  }

}

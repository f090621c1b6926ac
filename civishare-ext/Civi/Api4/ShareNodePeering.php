<?php
declare(strict_types = 1);

namespace Civi\Api4;

use Civi\Api4\Action\ShareNodePeering\End;
use Civi\Api4\Action\ShareNodePeering\GetFields;
use Civi\Api4\Action\ShareNodePeering\NewSecret;
use Civi\Api4\Action\ShareNodePeering\Resume;
use Civi\Api4\Action\ShareNodePeering\Resync;
use Civi\Api4\Action\ShareNodePeering\RotateSecret;
use Civi\Share\Admin\Permission;

/**
 * The link of this site with one remote node: address, shared secret, and what goes out and comes in.
 *
 * `secret` can be written but never read; `secret_date` says whether there is one.
 *
 * @searchable secondary
 * @package Civi\Api4
 */
final class ShareNodePeering extends Generic\DAOEntity {

  /**
   * @param bool $checkPermissions
   */
  public static function getFields($checkPermissions = TRUE): GetFields {
    return (new GetFields('ShareNodePeering', __FUNCTION__))->setCheckPermissions($checkPermissions);
  }

  /**
   * @param bool $checkPermissions
   */
  public static function newSecret($checkPermissions = TRUE): NewSecret {
    return (new NewSecret('ShareNodePeering', __FUNCTION__))->setCheckPermissions($checkPermissions);
  }

  /**
   * @param bool $checkPermissions
   */
  public static function end($checkPermissions = TRUE): End {
    return (new End('ShareNodePeering', __FUNCTION__))->setCheckPermissions($checkPermissions);
  }

  /**
   * @param bool $checkPermissions
   */
  public static function resume($checkPermissions = TRUE): Resume {
    return (new Resume('ShareNodePeering', __FUNCTION__))->setCheckPermissions($checkPermissions);
  }

  /**
   * @param bool $checkPermissions
   */
  public static function rotateSecret($checkPermissions = TRUE): RotateSecret {
    return (new RotateSecret('ShareNodePeering', __FUNCTION__))->setCheckPermissions($checkPermissions);
  }

  /**
   * @param bool $checkPermissions
   */
  public static function resync($checkPermissions = TRUE): Resync {
    return (new Resync('ShareNodePeering', __FUNCTION__))->setCheckPermissions($checkPermissions);
  }

  public static function permissions(): array {
    return [
      'meta' => ['access CiviCRM'],
      'default' => [Permission::ADMINISTER],
    ];
  }

}

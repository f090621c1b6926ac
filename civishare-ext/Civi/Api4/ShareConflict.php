<?php
declare(strict_types = 1);

namespace Civi\Api4;

use Civi\Api4\Action\ShareConflict\Get;
use Civi\Api4\Action\ShareConflict\Resolve;
use Civi\Api4\Generic\BasicGetFieldsAction;
use Civi\Share\Admin\Permission;
use CRM_Share_ExtensionUtil as E;

/**
 * Two values of one attribute of which neither was written in knowledge of the other, in a peering that has a person decide. Until then this
 * site keeps its own.
 *
 * @searchable none
 * @package Civi\Api4
 */
final class ShareConflict extends Generic\AbstractEntity {

  /**
   * @param bool $checkPermissions
   */
  public static function get($checkPermissions = TRUE): Get {
    return (new Get('ShareConflict', __FUNCTION__))->setCheckPermissions($checkPermissions);
  }

  /**
   * @param bool $checkPermissions
   */
  public static function resolve($checkPermissions = TRUE): Resolve {
    return (new Resolve('ShareConflict', __FUNCTION__))->setCheckPermissions($checkPermissions);
  }

  /**
   * @param bool $checkPermissions
   */
  public static function getFields($checkPermissions = TRUE): BasicGetFieldsAction {
    $fields = function (): array {
      return [
        ['name' => 'id', 'title' => E::ts('ID'), 'data_type' => 'Integer'],
        ['name' => 'entity_type', 'title' => E::ts('Entity'), 'data_type' => 'String'],
        ['name' => 'entity_id', 'title' => E::ts('Entity ID'), 'data_type' => 'Integer'],
        ['name' => 'peering_id', 'title' => E::ts('Peering'), 'data_type' => 'Integer', 'fk_entity' => 'ShareNodePeering'],
        ['name' => 'attribute', 'title' => E::ts('Attribute'), 'data_type' => 'String'],
        ['name' => 'ours', 'title' => E::ts('Our value'), 'data_type' => 'Text', 'description' => E::ts('What this site holds now.')],
        ['name' => 'ours_version', 'title' => E::ts('Our version'), 'data_type' => 'String', 'description' => E::ts('When and where our value was written, as it was when the conflict arose.')],
        ['name' => 'theirs', 'title' => E::ts('Their value'), 'data_type' => 'Text'],
        ['name' => 'theirs_version', 'title' => E::ts('Their version'), 'data_type' => 'String'],
        ['name' => 'created_date', 'title' => E::ts('Arose on'), 'data_type' => 'Timestamp'],
      ];
    };
    return (new BasicGetFieldsAction('ShareConflict', __FUNCTION__, $fields))->setCheckPermissions($checkPermissions);
  }

  /**
   * @param bool $plural
   */
  protected static function getEntityTitle($plural = FALSE): string {
    return $plural ? E::ts('CiviShare conflicts') : E::ts('CiviShare conflict');
  }

  public static function permissions(): array {
    return [
      'meta' => ['access CiviCRM'],
      'get' => [[Permission::SEE_CHANGES, Permission::ADMINISTER]],
      'default' => [Permission::ADMINISTER],
    ];
  }

}

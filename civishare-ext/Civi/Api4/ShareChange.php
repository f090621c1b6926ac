<?php
declare(strict_types = 1);

namespace Civi\Api4;

use Civi\Api4\Action\ShareChange\Compare;
use Civi\Api4\Action\ShareChange\Discard;
use Civi\Api4\Action\ShareChange\Get;
use Civi\Api4\Action\ShareChange\GetWaiting;
use Civi\Api4\Action\ShareChange\Link;
use Civi\Api4\Action\ShareChange\Retry;
use Civi\Api4\Generic\BasicGetFieldsAction;
use Civi\Share\Admin\Permission;
use CRM_Share_ExtensionUtil as E;

/**
 * A change that could not be delivered or applied and was set aside with its reason: a dead letter of the store.
 *
 * @searchable none
 * @package Civi\Api4
 */
final class ShareChange extends Generic\AbstractEntity {

  /**
   * @param bool $checkPermissions
   */
  public static function get($checkPermissions = TRUE): Get {
    return (new Get('ShareChange', __FUNCTION__))->setCheckPermissions($checkPermissions);
  }

  /**
   * @param bool $checkPermissions
   */
  public static function getWaiting($checkPermissions = TRUE): GetWaiting {
    return (new GetWaiting('ShareChange', __FUNCTION__))->setCheckPermissions($checkPermissions);
  }

  /**
   * @param bool $checkPermissions
   */
  public static function retry($checkPermissions = TRUE): Retry {
    return (new Retry('ShareChange', __FUNCTION__))->setCheckPermissions($checkPermissions);
  }

  /**
   * @param bool $checkPermissions
   */
  public static function link($checkPermissions = TRUE): Link {
    return (new Link('ShareChange', __FUNCTION__))->setCheckPermissions($checkPermissions);
  }

  /**
   * @param bool $checkPermissions
   */
  public static function discard($checkPermissions = TRUE): Discard {
    return (new Discard('ShareChange', __FUNCTION__))->setCheckPermissions($checkPermissions);
  }

  /**
   * @param bool $checkPermissions
   */
  public static function compare($checkPermissions = TRUE): Compare {
    return (new Compare('ShareChange', __FUNCTION__))->setCheckPermissions($checkPermissions);
  }

  /**
   * @param bool $checkPermissions
   */
  public static function getFields($checkPermissions = TRUE): BasicGetFieldsAction {
    $fields = function (): array {
      return [
        ['name' => 'id', 'title' => E::ts('ID'), 'data_type' => 'Integer'],
        ['name' => 'direction', 'title' => E::ts('Direction'), 'data_type' => 'String', 'description' => E::ts('"out": the remote node refused it; "in": it could not be applied here.')],
        ['name' => 'peering_id', 'title' => E::ts('Peering'), 'data_type' => 'Integer', 'fk_entity' => 'ShareNodePeering'],
        ['name' => 'change_id', 'title' => E::ts('Change ID'), 'data_type' => 'String'],
        ['name' => 'type', 'title' => E::ts('Change type'), 'data_type' => 'String'],
        ['name' => 'reason', 'title' => E::ts('Reason'), 'data_type' => 'String'],
        ['name' => 'set_aside_date', 'title' => E::ts('Set aside on'), 'data_type' => 'Timestamp'],
        ['name' => 'attempts', 'title' => E::ts('Attempts'), 'data_type' => 'Integer', 'description' => E::ts('Of a change that waits: how often applying it has failed.')],
        ['name' => 'next_date', 'title' => E::ts('Next attempt'), 'data_type' => 'Timestamp', 'description' => E::ts('Of a change that waits: when it is tried again.')],
        ['name' => 'change', 'title' => E::ts('Change'), 'data_type' => 'Text', 'description' => E::ts('The whole change as JSON.')],
      ];
    };
    return (new BasicGetFieldsAction('ShareChange', __FUNCTION__, $fields))->setCheckPermissions($checkPermissions);
  }

  /**
   * @param bool $plural
   */
  protected static function getEntityTitle($plural = FALSE): string {
    return $plural ? E::ts('CiviShare changes set aside') : E::ts('CiviShare change set aside');
  }

  public static function permissions(): array {
    return [
      'meta' => ['access CiviCRM'],
      'get' => [[Permission::SEE_CHANGES, Permission::ADMINISTER]],
      'getWaiting' => [[Permission::SEE_CHANGES, Permission::ADMINISTER]],
      'default' => [Permission::ADMINISTER],
    ];
  }

}

<?php
declare(strict_types = 1);

namespace Civi\Share\Admin;

use CRM_Share_ExtensionUtil as E;

/**
 * Tells CiviCRM what this extension brings: entities, jobs, permissions, pages, settings.
 *
 * Newer versions find these by mixins; 5.33 knows only hooks, and all versions up to the current one still call them.
 */
final class Register {

  public static function entityTypes(array &$entityTypes): void {
    foreach (['ShareNode' => 'civicrm_share_node', 'ShareNodePeering' => 'civicrm_share_node_peering'] as $name => $table) {
      $class = 'CRM_Share_DAO_' . $name;
      $entityTypes[$class] = ['name' => $name, 'class' => $class, 'table' => $table];
    }
  }

  public static function jobs(array &$entities): void {
    $jobs = [
      'send' => [E::ts('CiviShare: send'), E::ts('Delivers waiting changes to the remote nodes.')],
      'process' => [E::ts('CiviShare: process'), E::ts('Settles the journal and applies the changes that have come in.')],
    ];
    foreach ($jobs as $action => [$name, $description]) {
      $entities[] = [
        'module' => E::LONG_NAME,
        'name' => 'civishare_job_' . $action,
        'entity' => 'Job',
        'update' => 'never',
        'cleanup' => 'always',
        'params' => [
          'version' => 3,
          'name' => $name,
          'description' => $description,
          'run_frequency' => 'Always',
          'api_entity' => 'Job',
          'api_action' => 'civishare_' . $action,
          'parameters' => '',
          'is_active' => 1,
        ],
      ];
    }
  }

  public static function permissions(array &$permissions): void {
    $permissions += [
      Permission::ADMINISTER => self::permission(
        E::ts('CiviShare: administer CiviShare'),
        E::ts('Set up nodes, peerings and their secrets, and decide what is shared with whom.')
      ),
      Permission::SEE_CHANGES => self::permission(
        E::ts('CiviShare: access CiviShare change log'),
        E::ts('See changes that wait or could not be applied, whoever they are about.')
      ),
    ];
  }

  /**
   * Up to 5.70 a permission is [label, description], later the two have names; each version overlooks the other's form.
   */
  private static function permission(string $label, string $description): array {
    return [$label, $description, 'label' => $label, 'description' => $description];
  }

  public static function menu(array &$files): void {
    foreach (glob(E::path('xml/Menu/*.xml')) ?: [] as $file) {
      $files[] = $file;
    }
  }

  public static function settings(?array &$folders): void {
    $folders = array_unique(array_merge($folders ?? [], [E::path('settings')]));
  }

  public static function navigation(array &$menu): void {
    Navigation::add($menu);
  }

}

<?php
declare(strict_types = 1);

namespace Civi\Share\Admin;

use CRM_Share_ExtensionUtil as E;

/**
 * The menu entry Administer > System Settings > CiviShare.
 */
final class Navigation {

  /**
   * Who may see the changes, be it to administer or only to look.
   */
  private const LOG = Permission::ADMINISTER . ',' . Permission::SEE_CHANGES;

  public static function add(array &$menu): void {
    $entries = self::entries();
    foreach ($menu as &$top) {
      if (($top['attributes']['name'] ?? NULL) !== 'Administer') {
        continue;
      }
      foreach ($top['child'] ?? [] as $key => $child) {
        if (($child['attributes']['name'] ?? NULL) === 'System Settings') {
          $top['child'][$key]['child'][] = $entries;
          return;
        }
      }
      $top['child'][] = $entries;
      return;
    }
    $menu[] = $entries;
  }

  private static function entries(): array {
    return self::entry('CiviShare', E::ts('CiviShare'), NULL, self::LOG) + [
      'child' => [
        self::entry('civishare_peerings', E::ts('Peerings'), 'civicrm/admin/share/peerings?reset=1'),
        self::entry('civishare_nodes', E::ts('Nodes'), 'civicrm/admin/share/nodes?reset=1'),
        self::entry('civishare_conflicts', E::ts('Conflicts'), 'civicrm/admin/share/conflicts?reset=1', self::LOG),
        self::entry('civishare_letters', E::ts('Changes set aside'), 'civicrm/admin/share/letters?reset=1', self::LOG),
        self::entry('civishare_settings', E::ts('Settings'), 'civicrm/admin/share/settings?reset=1'),
      ],
    ];
  }

  private static function entry(string $name, string $label, ?string $url, string $permission = Permission::ADMINISTER): array {
    return [
      'attributes' => [
        'name' => $name,
        'label' => $label,
        'url' => $url,
        'permission' => $permission,
        'operator' => 'OR',
        'separator' => 0,
        'active' => 1,
      ],
    ];
  }

}

<?php
declare(strict_types = 1);

namespace CiviShare\Crash;

use CiviShare\E2e\Site;

/**
 * The custom fields that the writers write.
 */
final class Fields {

  public static function install(Site $site): void {
    $site->request('
      if (civicrm_api3("CustomGroup", "getcount", ["name" => "civishare_crash"]) === 0) {
        $group = civicrm_api3("CustomGroup", "create", ["name" => "civishare_crash", "title" => "Crash", "extends" => "Contact", "table_name" => "civicrm_value_crash"])["id"];
        foreach (["own", "shared"] as $name) {
          civicrm_api3("CustomField", "create", ["custom_group_id" => $group, "name" => $name, "label" => $name, "column_name" => $name,
            "data_type" => "String", "html_type" => "Text"]);
        }
      }');
    $site->refresh();
  }

}

<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * A test on two linked sites that let through every change type there is. Afterwards they let through contacts alone again.
 */
abstract class AllTypesTest extends EndToEndTest {

  public static function setUpBeforeClass(): void {
    parent::setUpBeforeClass();
    foreach ([self::$a, self::$b] as $site) {
      static::prepare($site);
      self::letThrough($site, self::declared($site));
    }
  }

  public static function tearDownAfterClass(): void {
    foreach ([self::$a, self::$b] as $site) {
      self::letThrough($site, [Site::CONTACT_BASE]);
    }
  }

  /**
   * What a site needs before its change types are read.
   */
  protected static function prepare(Site $site): void {
  }

  /**
   * What other tests have set aside is not to be taken for what these bring about.
   */
  protected static function discardLetters(Site $site): void {
    $site->request('foreach (\Civi\Share\Native::store()->deadLetters([]) as $letter) {
      \Civi\Share\Native::store()->discardDead((int) $letter["id"]);
    }');
  }

  /**
   * Switches on the components that a new site may do without. Grants are an extension of CiviCRM's own in later releases, and come with
   * no types.
   */
  protected static function enableComponents(Site $site): void {
    $site->request('
      foreach (["CiviCampaign", "CiviCase", "CiviGrant", "CiviPledge"] as $component) { CRM_Core_BAO_ConfigSetting::enableComponent($component); }
      if ((CRM_Extension_System::singleton()->getManager()->getStatuses()["civigrant"] ?? "installed") !== "installed") {
        civicrm_api3("Extension", "install", ["keys" => "civigrant"]);
      }
      if (civicrm_api3("OptionValue", "getcount", ["option_group_id" => "grant_type"]) == 0) {
        civicrm_api3("OptionValue", "create", ["option_group_id" => "grant_type", "name" => "Emergency", "label" => "Emergency", "value" => 1]);
      }');
    $site->refresh();
  }

  /**
   * @return string[]
   *   The names of all change types.
   */
  protected static function declared(Site $site): array {
    return $site->ask('return array_keys(\Civi\Share\Type\Registry::declarations());');
  }

  protected static function letThrough(Site $site, array $types): void {
    $site->api4('ShareNodePeering', 'update', ['where' => [['id', '>', 0]], 'values' => ['types_out' => $types, 'types_in' => $types]]);
    $site->refresh();
  }

  /**
   * The ID on the second site of an entity of the first, or the other way round; NULL as long as it has not arrived.
   */
  protected static function there(string $entity, int $id, bool $back = FALSE): ?int {
    return $back ? self::$a->counterpart(self::$b, $id, $entity) : self::$b->counterpart(self::$a, $id, $entity);
  }

}

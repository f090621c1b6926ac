<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * The extension comes and goes, and the native module too; saves work throughout. Runs last: it leaves site A without the extension.
 */
final class InstallTest extends EndToEndTest {

  private static function tables(): array {
    return array_column(self::$a->sql("SELECT TABLE_NAME t FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME LIKE 'civicrm_share_%'"), 't');
  }

  private static function triggers(): int {
    return (int) self::$a->value("SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE() AND ACTION_STATEMENT LIKE '%civicrm_share_journal%'");
  }

  /**
   * @return string[]
   *   Names of the active jobs.
   */
  private static function jobs(): array {
    return array_column(self::$a->sql("SELECT name FROM civicrm_job WHERE api_action LIKE 'civishare\\_%' AND is_active = 1 ORDER BY name"), 'name');
  }

  private static function routes(): int {
    return (int) self::$a->value("SELECT COUNT(*) FROM civicrm_menu WHERE path LIKE 'civicrm/admin/share%' OR path LIKE 'civicrm/ajax/civishare'");
  }

  private static function inNavigation(): bool {
    return (bool) self::$a->request('
      $menu = CRM_Core_BAO_Navigation::buildNavigationTree();
      CRM_Utils_Hook::navigationMenu($menu);
      return strpos(json_encode($menu), "civicrm\/admin\/share") !== FALSE;');
  }

  private static function extension(string $action): void {
    self::$a->api3('Extension', $action, ['keys' => 'civishare']);
    self::$a->refresh();
  }

  /**
   * All ways of saving a contact work.
   */
  private static function assertSavesWork(string $when): void {
    $last = self::name('Save');
    $id = self::$a->create(['first_name' => 'Version 4', 'last_name' => $last]);
    self::$a->update($id, ['nick_name' => 'N']);
    self::$a->api3('Contact', 'create', ['id' => $id, 'first_name' => 'Version 3']);
    $second = (int) self::$a->api3('Contact', 'create', ['contact_type' => 'Organization', 'organization_name' => $last])['id'];
    self::$a->request('CRM_Core_DAO::executeQuery("UPDATE civicrm_contact SET job_title = \'Raw\' WHERE id = $id");', ['id' => $id]);
    self::$a->api3('Contact', 'delete', ['id' => $second, 'skip_undelete' => 1]);
    self::assertContact(['first_name' => 'Version 3', 'nick_name' => 'N', 'job_title' => 'Raw'], self::$a, $id, $when);
    self::assertNull(self::$a->contact($second), $when);
  }

  public function test_an_installed_extension_has_its_tables_triggers_jobs_and_screens(): void {
    self::assertEqualsCanonicalizing(['civicrm_share_node', 'civicrm_share_node_peering', 'civicrm_share_entity', 'civicrm_share_uid', 'civicrm_share_journal', 'civicrm_share_applied', 'civicrm_share_conflict', 'civicrm_share_instance'], array_intersect(self::tables(), ['civicrm_share_node', 'civicrm_share_node_peering', 'civicrm_share_entity', 'civicrm_share_uid', 'civicrm_share_journal', 'civicrm_share_applied', 'civicrm_share_conflict', 'civicrm_share_instance']));
    self::assertGreaterThanOrEqual(3, self::triggers());
    self::assertSame(['CiviShare: process', 'CiviShare: send'], self::jobs());
    self::assertGreaterThanOrEqual(5, self::routes());
    self::assertTrue(self::inNavigation());
  }

  public function test_a_rebuild_of_all_caches_and_triggers_loses_nothing(): void {
    $triggers = self::triggers();

    self::$a->api3('System', 'flush', ['triggers' => 1, 'session' => 1]);
    self::$a->refresh();

    self::assertSame($triggers, self::triggers());
    [$id, $there] = self::sharedPerson();
    self::assertNotNull($there);
  }

  public function test_extended_logging_and_the_journal_live_side_by_side(): void {
    $logging = fn(int $on) => self::$a->api3('Setting', 'create', ['logging' => $on]);
    [$id, $there] = self::sharedPerson();
    try {
      $logging(1);
      self::$a->refresh();
    }
    catch (SiteError $e) {
      $this->skip('logging can not be switched on here: ' . $e->getMessage());
    }

    try {
      self::assertSame([], self::$a->sql("SELECT TABLE_NAME t FROM information_schema.TABLES WHERE TABLE_NAME LIKE 'log_civicrm_share_%'"), 'secrets and states are not logged');
      self::assertGreaterThanOrEqual(3, self::triggers());
      self::assertSavesWork('logging');
      self::$a->update($id, ['first_name' => 'Logged']);
      self::deliver(self::$a, self::$b);
      self::assertContact(['first_name' => 'Logged'], self::$b, $there);
      self::$b->update($there, ['nick_name' => 'Back']);
      self::deliver(self::$b, self::$a);
      self::assertContact(['nick_name' => 'Back'], self::$a, $id);
    }
    finally {
      $logging(0);
      self::$a->request('(new CRM_Logging_Schema())->dropAllLogTables();');
      self::$a->refresh();
    }
    self::assertGreaterThanOrEqual(3, self::triggers());
    self::$a->update($id, ['first_name' => 'Unlogged']);
    self::deliver(self::$a, self::$b);
    self::assertContact(['first_name' => 'Unlogged'], self::$b, $there);
  }

  public function test_without_the_native_module_saves_work_and_are_sent_later(): void {
    [$id, $there] = self::sharedPerson();
    self::$a->module(FALSE);
    try {
      self::assertSavesWork('without the module');
      self::$a->update($id, ['first_name' => 'Unnoticed?']);

      $status = self::$a->systemStatus();
      self::assertSame('critical', $status['civishare_native']['severity']);
      self::assertMatchesRegularExpression('/libcivishare|extension=civishare/', $status['civishare_native']['message']);
      self::assertGreaterThan(0, self::$a->journal());
      self::assertSame(503, Http::post(self::$a->endpoint . '/changes', '{}')->status);
      foreach (['send', 'process'] as $job) {
        $said = self::$a->request('try { civicrm_api3("Job", "civishare_$job", []); return ""; } catch (\Exception $e) { return $e->getMessage(); }', ['job' => $job]);
        self::assertStringContainsString('native module', $said);
      }
      // The form of a peering must not break either.
      self::assertIsArray(self::$a->api4('ShareNodePeering', 'get'));
    }
    finally {
      self::$a->module(TRUE);
    }

    self::$a->process();
    self::deliver(self::$a, self::$b);
    self::assertContact(['first_name' => 'Unnoticed?'], self::$b, $there);
    self::assertSame(0, self::$a->journal());
    self::assertArrayNotHasKey('civishare_native', self::$a->systemStatus());
  }

  public function test_a_disabled_extension_leaves_saves_alone_and_goes_on_when_enabled(): void {
    [$id, $there] = self::sharedPerson();

    self::extension('disable');
    self::assertSame(0, self::triggers(), 'triggers');
    self::assertSame([], self::jobs(), 'jobs');
    self::assertSame(0, self::routes(), 'routes');
    self::assertFalse(self::inNavigation());
    self::assertContains('civicrm_share_node_peering', self::tables(), 'what was set up stays');
    self::assertSavesWork('disabled');
    self::assertSame(0, self::$a->journal());
    self::assertArrayNotHasKey('webhook-signature', Http::post(self::$a->endpoint . '/changes', '{}')->headers);

    self::extension('enable');
    self::assertGreaterThanOrEqual(3, self::triggers(), 'triggers');
    self::assertSame(['CiviShare: process', 'CiviShare: send'], self::jobs());
    self::assertGreaterThanOrEqual(5, self::routes());
    self::$a->update($id, ['first_name' => 'Enabled']);
    self::deliver(self::$a, self::$b);
    self::assertContact(['first_name' => 'Enabled'], self::$b, $there);
  }

  public function test_an_uninstalled_extension_leaves_nothing_behind(): void {
    $store = self::$a->request('return \Civi\Share\StorePath::get();');
    self::$a->refresh();

    Network::uninstall(self::$a);

    self::assertSame([], self::tables(), 'tables');
    self::assertSame(0, self::triggers(), 'triggers');
    self::assertSame('0', self::$a->value("SELECT COUNT(*) FROM civicrm_job WHERE api_action LIKE 'civishare\\_%'"), 'jobs');
    self::assertSame('0', self::$a->value("SELECT COUNT(*) FROM civicrm_setting WHERE name LIKE 'civishare%'"), 'settings');
    self::assertSame('0', self::$a->value("SELECT COUNT(*) FROM civicrm_managed WHERE module = 'civishare'"), 'managed entities');
    self::assertSame(0, self::routes(), 'routes');
    self::assertSame([], is_dir(dirname($store)) ? glob(dirname($store) . '/*') : [], 'the store');
    self::assertSavesWork('uninstalled');
  }

  public function test_it_can_be_uninstalled_without_the_native_module_and_installed_again(): void {
    Network::install(self::$a);
    self::$a->module(FALSE);
    try {
      Network::uninstall(self::$a);
      self::assertSame([], self::tables());
      self::assertSavesWork('uninstalled without the module');
    }
    finally {
      self::$a->module(TRUE);
    }
  }

}

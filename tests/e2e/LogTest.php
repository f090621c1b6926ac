<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * The first site may create no triggers, so it finds its edits in CiviCRM's extended logging.
 */
final class LogTest extends EndToEndTest {

  const EMAIL = 'civishare.change.contact.email';

  public static function setUpBeforeClass(): void {
    parent::setUpBeforeClass();
    foreach ([self::$a, self::$b] as $site) {
      self::share($site, [Site::CONTACT_BASE, self::EMAIL]);
    }
    self::$a->request('Civi::settings()->set("logging", 1);');
    self::$a->refresh();
  }

  public static function tearDownAfterClass(): void {
    self::detect('triggers');
    self::$a->request('Civi::settings()->set("logging", 0);');
    foreach ([self::$a, self::$b] as $site) {
      self::share($site, [Site::CONTACT_BASE]);
    }
  }

  private static function share(Site $site, array $types): void {
    $site->api4('ShareNodePeering', 'update', ['where' => [['id', '>', 0]], 'values' => ['types_out' => $types, 'types_in' => $types]]);
    $site->refresh();
  }

  private static function detect(string $how): void {
    self::$a->request('Civi::settings()->set("civishare_detection", $how);', ['how' => $how]);
    self::$a->refresh();
    self::$a->process();
    self::$a->refresh();
  }

  private static function triggers(): int {
    return (int) self::$a->value("SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE() AND ACTION_STATEMENT LIKE '%civicrm_share_journal%'");
  }

  private static function raw(string $sql): void {
    self::$a->request('CRM_Core_DAO::executeQuery($sql);', ['sql' => $sql]);
  }

  public function test_no_edit_falls_between_the_two_ways(): void {
    [$id, $there] = self::sharedPerson();
    self::assertGreaterThan(0, self::triggers());
    self::$a->update($id, ['first_name' => 'Before']);

    self::detect('log');

    self::assertSame(0, self::triggers());
    self::$a->update($id, ['last_name' => 'Behind']);
    self::deliver(self::$a, self::$b);
    self::assertContact(['first_name' => 'Before', 'last_name' => 'Behind'], self::$b, $there);
    self::assertStringNotContainsString('CiviShare: logging', json_encode(self::$a->systemStatus()));
  }

  /**
   * @depends test_no_edit_falls_between_the_two_ways
   */
  public function test_what_the_log_names_is_told_and_comes_back_to_nobody(): void {
    $id = self::$a->create(['first_name' => 'Lo', 'last_name' => self::name()]);
    $email = (int) self::$a->api4('Email', 'create', ['values' => ['contact_id' => $id, 'email' => 'lo@example.org']])[0]['id'];
    self::deliver(self::$a, self::$b);
    $there = self::$b->counterpart(self::$a, $id);
    self::assertNotNull($there);
    self::assertSame('lo@example.org', self::$b->value("SELECT email FROM civicrm_email WHERE contact_id = $there"));

    self::raw("UPDATE civicrm_contact SET job_title = 'Raw' WHERE id = $id");
    self::$a->api3('Email', 'delete', ['id' => $email]);
    self::deliver(self::$a, self::$b);
    self::assertContact(['job_title' => 'Raw'], self::$b, $there, 'raw SQL');
    self::assertNull(self::$b->value("SELECT id FROM civicrm_email WHERE contact_id = $there"), 'a deletion');

    self::$b->update($there, ['nick_name' => 'From there']);
    self::deliver(self::$b, self::$a);
    self::assertContact(['nick_name' => 'From there'], self::$a, $id);
    Network::settle([self::$a, self::$b]);
    $outbox = self::$a->store()['outbox'];
    self::$a->process();
    self::assertSame($outbox, self::$a->store()['outbox'], 'what was applied, or told before, is no edit');

    self::$a->api3('Contact', 'delete', ['id' => $id, 'skip_undelete' => 1]);
    self::deliver(self::$a, self::$b);
    self::assertNull(self::$b->contact($there));
  }

  /**
   * @depends test_no_edit_falls_between_the_two_ways
   */
  public function test_an_edit_that_is_not_recorded_yet_meets_a_change_from_there(): void {
    [$id, $there] = self::sharedPerson(['first_name' => 'Old', 'nick_name' => 'Old']);
    self::$b->update($there, ['nick_name' => 'New there']);
    self::$b->send();

    self::$a->update($id, ['first_name' => 'New here']);
    self::$a->request('(new \Civi\Share\Apply\Applier(\Civi\Share\Native::store()))->run(microtime(TRUE) + 20);');

    self::assertContact(['first_name' => 'New here', 'nick_name' => 'New there'], self::$a, $id);
    self::deliver(self::$a, self::$b);
    self::assertContact(['first_name' => 'New here', 'nick_name' => 'New there'], self::$b, $there);
  }

  /**
   * @depends test_no_edit_falls_between_the_two_ways
   */
  public function test_a_merge_travels_as_one(): void {
    [$keep, $keepThere] = self::sharedPerson();
    [$gone, $goneThere] = self::sharedPerson();

    self::$a->api3('Contact', 'merge', ['to_keep_id' => $keep, 'to_remove_id' => $gone, 'mode' => 'aggressive']);
    self::deliver(self::$a, self::$b);
    Network::settle([self::$a, self::$b]);

    self::assertContact(['is_deleted' => TRUE], self::$b, $goneThere);
    self::assertContact(['is_deleted' => FALSE], self::$b, $keepThere);
    self::assertSame(self::$a->uid($keep), self::$b->uid($keepThere));
    self::assertNull(self::$a->uid($gone), 'the absorbed contact is not told as a new one');
  }

  /**
   * @depends test_no_edit_falls_between_the_two_ways
   */
  public function test_a_comparison_finds_what_the_log_does_not_show(): void {
    [$id, $there] = self::sharedPerson(['first_name' => 'carl']);
    self::raw("UPDATE log_civicrm_contact SET log_date = log_date - INTERVAL 1 HOUR WHERE id = $id");
    self::raw("UPDATE civicrm_contact SET first_name = 'Carl' WHERE id = $id");
    self::deliver(self::$a, self::$b);
    self::assertContact(['first_name' => 'carl'], self::$b, $there, 'CiviCRM does not log it');

    $compared = self::$a->api4('ShareChange', 'compare', ['type' => Site::CONTACT_BASE])[0]['compared'];

    self::assertGreaterThan(0, $compared);
    self::deliver(self::$a, self::$b);
    self::assertContact(['first_name' => 'Carl'], self::$b, $there);
  }

  /**
   * @depends test_no_edit_falls_between_the_two_ways
   */
  public function test_logging_that_is_off_is_told(): void {
    self::$a->request('CRM_Core_DAO::executeQuery("UPDATE civicrm_setting SET value = \'s:1:\"0\";\' WHERE name = \'logging\'"); Civi::cache("settings")->flush();');
    self::$a->refresh();
    self::assertStringContainsString('CiviShare: logging is off', json_encode(self::$a->systemStatus()));
    self::$a->request('CRM_Core_DAO::executeQuery("UPDATE civicrm_setting SET value = \'s:1:\"1\";\' WHERE name = \'logging\'"); Civi::cache("settings")->flush();');
    self::$a->refresh();
  }

  /**
   * @depends test_no_edit_falls_between_the_two_ways
   */
  public function test_triggers_take_over_again(): void {
    [$id, $there] = self::sharedPerson();
    self::$a->update($id, ['first_name' => 'Last of the log']);

    self::detect('triggers');

    self::assertGreaterThan(0, self::triggers());
    self::assertSame('0', self::$a->value('SELECT COUNT(*) FROM civicrm_share_known'));
    self::raw("UPDATE civicrm_contact SET first_name = 'last of the log', job_title = 'First of the triggers' WHERE id = $id");
    self::deliver(self::$a, self::$b);
    self::assertContact(['first_name' => 'last of the log', 'job_title' => 'First of the triggers'], self::$b, $there);
  }

}

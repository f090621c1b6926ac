<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * What people do with contacts on one site is there on the other.
 */
final class SharingTest extends EndToEndTest {

  const GROUP = 'E2e_Donor';

  public static function setUpBeforeClass(): void {
    parent::setUpBeforeClass();
    foreach ([self::$a, self::$b] as $number => $site) {
      self::defineFields($site, $number);
    }
  }

  /**
   * Custom fields and options of the same names on both sites, with numbers of each site's own.
   */
  private static function defineFields(Site $site, int $number): void {
    $site->request('
      // Sites are used again and again: what is there already stays.
      $ensure = function ($entity, array $find, array $more) {
        $found = civicrm_api3($entity, "get", $find);
        return $found["count"] ? reset($found["values"])["id"] : civicrm_api3($entity, "create", $find + $more)["id"];
      };
      $group = $ensure("CustomGroup", ["name" => $group], ["title" => "E2e Donor", "extends" => "Individual"]);
      $options = $ensure("OptionGroup", ["name" => "e2e_interest"], ["title" => "E2e interest", "is_active" => 1]);
      foreach (["Garden", "Kitchen", "Roof"] as $weight => $name) {
        $ensure("OptionValue", ["option_group_id" => "e2e_interest", "name" => $name], ["label" => "$name label", "value" => 10 * ($number + 1) + $weight, "is_active" => 1]);
      }
      $ensure("OptionValue", ["option_group_id" => "gender", "name" => "E2e_Diverse"], ["label" => "Diverse", "value" => 70 + $number, "is_active" => 1]);
      $fields = [
        ["label" => "Nickname in town", "name" => "Nickname", "data_type" => "String", "html_type" => "Text"],
        ["label" => "Interest", "name" => "Interest", "data_type" => "String", "html_type" => "Select", "option_group_id" => $options],
        ["label" => "Interests", "name" => "Interests", "data_type" => "String", "html_type" => "CheckBox", "option_group_id" => $options],
        ["label" => "Since", "name" => "Since", "data_type" => "Date", "html_type" => "Select Date", "date_format" => "yy-mm-dd"],
        ["label" => "Met", "name" => "Met", "data_type" => "Date", "html_type" => "Select Date", "date_format" => "yy-mm-dd", "time_format" => 2],
        ["label" => "Pledge", "name" => "Pledge", "data_type" => "Money", "html_type" => "Text"],
        ["label" => "Is patron", "name" => "Is_Patron", "data_type" => "Boolean", "html_type" => "Radio"],
        ["label" => "Count", "name" => "Count", "data_type" => "Int", "html_type" => "Text"],
        ["label" => "Remarks", "name" => "Remarks", "data_type" => "Memo", "html_type" => "TextArea"],
      ];
      foreach ($fields as $field) {
        $ensure("CustomField", ["custom_group_id" => $group, "name" => $field["name"]], $field + ["is_active" => 1, "is_searchable" => 1]);
      }', ['group' => self::GROUP, 'number' => $number]);
    $site->refresh();
  }

  // ---- contacts come and go ----

  public function test_a_new_person_arrives(): void {
    $last = self::name('Meier');
    $values = ['contact_type' => 'Individual', 'first_name' => 'Carla', 'last_name' => $last, 'middle_name' => 'Q.', 'birth_date' => '1980-02-29', 'source' => 'a form'];

    $id = self::$a->create($values);
    self::deliver(self::$a, self::$b);

    $names = array_diff_key(self::$a->contact($id, ['display_name', 'sort_name']), ['id' => 0]);
    self::assertStringContainsString($last, $names['display_name']);
    self::assertContact($values + $names, self::$b, self::$b->counterpart(self::$a, $id));
  }

  public function test_a_new_household_arrives(): void {
    $values = ['contact_type' => 'Household', 'household_name' => self::name('House'), 'nick_name' => 'The house'];

    $id = self::$a->create($values);
    self::deliver(self::$a, self::$b);

    self::assertContact($values, self::$b, self::$b->counterpart(self::$a, $id));
  }

  public function test_a_new_organization_arrives(): void {
    $values = ['contact_type' => 'Organization', 'organization_name' => self::name('Works'), 'legal_name' => 'Works Ltd.', 'sic_code' => '0815'];

    $id = self::$a->create($values);
    self::deliver(self::$a, self::$b);

    self::assertContact($values, self::$b, self::$b->counterpart(self::$a, $id));
  }

  public function test_an_update_by_api_version_4_arrives(): void {
    [$id, $there] = self::sharedPerson();

    self::$a->update($id, ['first_name' => 'Berta', 'job_title' => 'Baker']);
    self::deliver(self::$a, self::$b);

    self::assertContact(['first_name' => 'Berta', 'job_title' => 'Baker'], self::$b, $there);
  }

  public function test_a_create_and_an_update_by_api_version_3_arrive(): void {
    $last = self::name();
    $id = (int) self::$a->api3('Contact', 'create', ['contact_type' => 'Individual', 'first_name' => 'Dora', 'last_name' => $last])['id'];
    self::$a->api3('Contact', 'create', ['id' => $id, 'nick_name' => 'Dolly']);

    self::deliver(self::$a, self::$b);

    self::assertContact(['first_name' => 'Dora', 'last_name' => $last, 'nick_name' => 'Dolly'], self::$b, self::$b->counterpart(self::$a, $id));
  }

  public function test_an_edit_in_the_contact_form_arrives(): void {
    [$id, $there] = self::sharedPerson(['first_name' => 'Emil', 'nick_name' => 'Em']);
    $browser = new Browser(self::$a);
    if (!$browser->login()) {
      $this->skip('no login form known for this CMS, or no SITE_ADMIN_USER');
    }

    $browser->page('civicrm/contact/add', "reset=1&action=update&cid=$id");
    $browser->submit(['first_name' => 'Emilia', 'nick_name' => '', 'privacy[do_not_phone]' => '1'], '_qf_Contact_upload');
    self::deliver(self::$a, self::$b);

    self::assertContact(['first_name' => 'Emilia', 'do_not_phone' => TRUE], self::$a, $id, 'the form itself');
    self::assertContact(['first_name' => 'Emilia', 'nick_name' => NULL, 'do_not_phone' => TRUE, 'do_not_email' => FALSE], self::$b, $there);
  }

  public function test_a_trashed_contact_is_trashed_there_and_comes_back(): void {
    [$id, $there] = self::sharedPerson();

    self::$a->api3('Contact', 'delete', ['id' => $id]);
    self::deliver(self::$a, self::$b);
    self::assertContact(['is_deleted' => TRUE], self::$b, $there, 'trashed');

    self::$a->api3('Contact', 'create', ['id' => $id, 'is_deleted' => 0]);
    self::deliver(self::$a, self::$b);
    self::assertContact(['is_deleted' => FALSE], self::$b, $there, 'restored');
  }

  public function test_a_contact_trashed_and_restored_by_api_version_4_goes_along(): void {
    [$id, $there] = self::sharedPerson();

    foreach ([TRUE, FALSE] as $trashed) {
      self::$a->api4('Contact', 'update', ['where' => [['id', '=', $id], ['is_deleted', '=', !$trashed]], 'values' => ['is_deleted' => $trashed]]);
      self::deliver(self::$a, self::$b);
      self::assertContact(['is_deleted' => $trashed], self::$a, $id, 'here');
      self::assertContact(['is_deleted' => $trashed], self::$b, $there, 'there');
    }
  }

  public function test_the_deletion_of_api_version_4_does_there_what_it_did_here(): void {
    [$id, $there] = self::sharedPerson();

    self::$a->api4('Contact', 'delete', ['where' => [['id', '=', $id]]]);
    self::deliver(self::$a, self::$b);

    // Older versions delete for good, later ones into the trash.
    $trashed = fn(?array $contact) => $contact === NULL ? NULL : $contact['is_deleted'];
    self::assertNotFalse($trashed(self::$a->contact($id)));
    self::assertSame($trashed(self::$a->contact($id)), $trashed(self::$b->contact($there)));
  }

  public function test_a_contact_deleted_for_good_is_deleted_there(): void {
    [$id, $there] = self::sharedPerson();

    self::$a->api3('Contact', 'delete', ['id' => $id, 'skip_undelete' => 1]);
    self::deliver(self::$a, self::$b);

    self::assertNull(self::$a->contact($id));
    self::assertNull(self::$b->contact($there));
  }

  public function test_two_contacts_merged_here_are_merged_there(): void {
    [$keep, $keepThere] = self::sharedPerson(['first_name' => 'Fritz']);
    [$gone, $goneThere] = self::sharedPerson(['first_name' => 'Friedrich', 'nick_name' => 'Fred']);

    self::$a->api3('Contact', 'merge', ['to_keep_id' => $keep, 'to_remove_id' => $gone, 'mode' => 'aggressive']);
    self::deliver(self::$a, self::$b);

    self::assertContact(['is_deleted' => TRUE], self::$b, $goneThere, 'the absorbed one');
    $survivor = self::$a->contact($keep, ['first_name', 'nick_name', 'is_deleted']);
    self::assertContact(array_diff_key($survivor, ['id' => 0]), self::$b, $keepThere, 'the survivor');
    self::$a->update($keep, ['first_name' => 'Fridolin']);
    self::deliver(self::$a, self::$b);
    self::assertContact(['first_name' => 'Fridolin'], self::$b, $keepThere, 'an edit afterwards');
  }

  // ---- values ----

  public function test_options_travel_by_name(): void {
    $genders = array_map(fn($site) => $site->get('OptionValue', [['option_group_id:name', '=', 'gender'], ['name', '=', 'E2e_Diverse']], ['value'])[0]['value'], [self::$a, self::$b]);
    self::assertNotSame($genders[0], $genders[1]);

    [, $there] = self::sharedPerson(['gender_id:name' => 'E2e_Diverse', 'prefix_id:name' => 'Dr.']);

    self::assertContact(['gender_id:name' => 'E2e_Diverse', 'gender_id' => (int) $genders[1], 'prefix_id:name' => 'Dr.'], self::$b, $there);
  }

  public function test_an_option_is_emptied(): void {
    [$id, $there] = self::sharedPerson(['gender_id:name' => 'Female']);

    self::$a->update($id, ['gender_id' => NULL]);
    self::deliver(self::$a, self::$b);

    self::assertContact(['gender_id' => NULL], self::$b, $there);
  }

  public function test_an_option_that_the_other_site_lacks_holds_nothing_else_up(): void {
    self::$a->request('civicrm_api3("OptionValue", "getcount", ["option_group_id" => "gender", "name" => "E2e_Only_Here"])
      || civicrm_api3("OptionValue", "create", ["option_group_id" => "gender", "name" => "E2e_Only_Here", "label" => "Only here", "value" => 91, "is_active" => 1]);');
    [$id, $there] = self::sharedPerson(['gender_id:name' => 'Male']);

    self::$a->update($id, ['gender_id' => 91, 'first_name' => 'Gerd']);
    self::deliver(self::$a, self::$b);

    self::assertContact(['first_name' => 'Gerd', 'gender_id:name' => 'Male'], self::$b, $there);
  }

  public function test_several_values_of_one_attribute_arrive(): void {
    [$id, $there] = self::sharedPerson(['preferred_communication_method:name' => ['Phone', 'Email']]);
    self::assertEqualsCanonicalizing(['Phone', 'Email'], self::$b->contact($there, ['preferred_communication_method:name'])['preferred_communication_method:name']);

    self::$a->update($id, ['preferred_communication_method' => NULL]);
    self::deliver(self::$a, self::$b);

    self::assertEmpty(self::$b->contact($there, ['preferred_communication_method'])['preferred_communication_method']);
  }

  public function test_custom_fields_arrive(): void {
    $values = self::custom(['Nickname' => 'The <Tall>', 'Since' => '2001-05-06', 'Pledge' => '1234.50', 'Is_Patron' => TRUE, 'Count' => 7, 'Remarks' => "First\nsecond", 'Interest:name' => 'Roof']);
    $interests = self::$a->get('OptionValue', [['option_group_id:name', '=', 'e2e_interest'], ['name', 'IN', ['Garden', 'Roof']]], ['value']);

    [, $there] = self::sharedPerson($values + [self::GROUP . '.Interests' => array_column($interests, 'value')]);

    $contact = self::$b->contact($there, [self::GROUP . '.*', self::GROUP . '.Interest:name', self::GROUP . '.Interests:name']);
    self::assertSame('The <Tall>', $contact[self::GROUP . '.Nickname']);
    self::assertStringStartsWith('2001-05-06', $contact[self::GROUP . '.Since']);
    self::assertEquals(1234.5, $contact[self::GROUP . '.Pledge']);
    self::assertTrue((bool) $contact[self::GROUP . '.Is_Patron']);
    self::assertEquals(7, $contact[self::GROUP . '.Count']);
    self::assertSame("First\nsecond", str_replace("\r", '', $contact[self::GROUP . '.Remarks']));
    self::assertSame('Roof', $contact[self::GROUP . '.Interest:name']);
    self::assertEqualsCanonicalizing(['Garden', 'Roof'], $contact[self::GROUP . '.Interests:name']);
  }

  public function test_a_custom_field_with_a_time_of_day_arrives(): void {
    foreach (['2021-07-01 23:30:15', '2021-01-31 00:00:00', '2021-03-28 02:30:00'] as $time) {
      [$id, $there] = self::sharedPerson(self::custom(['Met' => $time]));

      $here = self::$a->contact($id, [self::GROUP . '.Met'])[self::GROUP . '.Met'];
      self::assertSame(substr($here, 0, 16), substr(self::$b->contact($there, [self::GROUP . '.Met'])[self::GROUP . '.Met'], 0, 16));
    }
  }

  public function test_a_custom_field_set_on_a_known_contact_arrives(): void {
    [$id, $there] = self::sharedPerson();

    self::$a->update($id, self::custom(['Nickname' => 'Late']));
    // Version 4 of 5.33 makes NULL of FALSE.
    self::$a->api3('CustomValue', 'create', ['entity_id' => $id, 'custom_' . self::$a->value("SELECT id FROM civicrm_custom_field WHERE name = 'Is_Patron'") => 0]);
    self::deliver(self::$a, self::$b);

    $contact = self::$b->contact($there, [self::GROUP . '.Nickname', self::GROUP . '.Is_Patron']);
    self::assertSame('Late', $contact[self::GROUP . '.Nickname']);
    self::assertEquals(FALSE, $contact[self::GROUP . '.Is_Patron']);
    self::assertNotNull($contact[self::GROUP . '.Is_Patron'], 'no is not the same as unknown');
  }

  public function test_custom_fields_set_to_null_are_emptied(): void {
    [$id, $there] = self::sharedPerson(self::custom(['Nickname' => 'Soon gone', 'Since' => '2001-05-06', 'Pledge' => '10.00', 'Is_Patron' => TRUE, 'Count' => 3, 'Interest:name' => 'Roof']));

    // Version 4 of 5.33 overlooks NULL here, version 3 does not overlook ''.
    self::$a->request('
      $fields = civicrm_api3("CustomField", "get", ["custom_group_id" => $group, "options" => ["limit" => 0]])["values"];
      civicrm_api3("Contact", "create", ["id" => $id] + array_fill_keys(array_map(function ($field) { return "custom_" . $field["id"]; }, $fields), ""));',
      ['group' => self::GROUP, 'id' => $id]);
    self::deliver(self::$a, self::$b);

    $contact = self::$b->contact($there, [self::GROUP . '.*']);
    foreach (['Nickname', 'Since', 'Pledge', 'Is_Patron', 'Count', 'Interest'] as $field) {
      self::assertEmpty($contact[self::GROUP . ".$field"], $field);
    }
  }

  public function test_characters_of_html_arrive_as_they_were_typed(): void {
    $last = self::name();
    $values = ['first_name' => 'A & B <i>"x"</i>', 'nick_name' => "O'Neill &amp; Søn", 'job_title' => '50 % \\ Zoë 日本'];

    [$id, $there] = self::sharedPerson($values + ['last_name' => $last]);

    self::assertContact($values, self::$a, $id, 'here');
    self::assertContact($values, self::$b, $there, 'there');
    $raw = "SELECT CONCAT_WS('|', first_name, nick_name, job_title) FROM civicrm_contact WHERE id = ";
    self::assertSame(self::$a->value($raw . $id), self::$b->value($raw . $there), 'in the database');
  }

  public function test_an_emoji_arrives_where_the_column_can_hold_it(): void {
    foreach ([self::$a, self::$b] as $site) {
      $charset = $site->value("SELECT CHARACTER_SET_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'civicrm_contact' AND COLUMN_NAME = 'nick_name'");
      if ($charset !== 'utf8mb4') {
        $this->skip("the columns of {$site->name} hold no emoji ($charset)");
      }
    }

    [, $there] = self::sharedPerson(['nick_name' => 'Sun 🌞']);

    self::assertContact(['nick_name' => 'Sun 🌞'], self::$b, $there);
  }

  public function test_privacy_flags_and_deceased_date_arrive(): void {
    $values = ['do_not_email' => TRUE, 'do_not_sms' => TRUE, 'is_opt_out' => TRUE, 'is_deceased' => TRUE, 'deceased_date' => '2020-12-31'];

    [, $there] = self::sharedPerson($values);

    self::assertContact($values + ['do_not_phone' => FALSE], self::$b, $there);
  }

  public function test_what_must_never_travel_stays(): void {
    $id = self::$a->create(['first_name' => 'Hugo', 'last_name' => self::name(), 'external_identifier' => self::name('ext')]);
    self::$a->api3('Contact', 'create', ['id' => $id, 'api_key' => 'e2e-secret-' . $id, 'image_URL' => 'https://example.org/me.png']);

    self::deliver(self::$a, self::$b);

    $there = self::$b->counterpart(self::$a, $id);
    self::assertContact(['first_name' => 'Hugo', 'external_identifier' => NULL, 'image_URL' => NULL], self::$b, $there);
    self::assertNull(self::$b->value("SELECT api_key FROM civicrm_contact WHERE id = $there"));
  }

  // ---- back and forth ----

  public function test_edits_over_there_come_back(): void {
    [$id, $there] = self::sharedPerson(self::custom(['Nickname' => 'Ours']));

    self::$b->update($there, ['first_name' => 'Ida'] + self::custom(['Nickname' => 'Theirs']));
    self::deliver(self::$b, self::$a);

    self::assertContact(['first_name' => 'Ida', self::GROUP . '.Nickname' => 'Theirs'], self::$a, $id);
  }

  public function test_the_later_of_two_edits_wins_on_both_sites(): void {
    [$id, $there] = self::sharedPerson();

    self::$a->update($id, ['first_name' => 'Earlier', 'nick_name' => 'Only A']);
    self::$b->update($there, ['first_name' => 'Later', 'job_title' => 'Only B']);
    Network::settle([self::$a, self::$b]);

    $expected = ['first_name' => 'Later', 'nick_name' => 'Only A', 'job_title' => 'Only B'];
    self::assertContact($expected, self::$a, $id, 'here');
    self::assertContact($expected, self::$b, $there, 'there');
  }

  public function test_the_scheduled_jobs_do_it(): void {
    $last = self::name();
    $id = self::$a->create(['first_name' => 'Jana', 'last_name' => $last]);

    self::$a->request('CRM_Core_DAO::executeQuery("UPDATE civicrm_job SET is_active = (api_action LIKE \'civishare%\')"); civicrm_api3("Job", "execute", []);');
    self::$b->request('CRM_Core_DAO::executeQuery("UPDATE civicrm_job SET is_active = (api_action LIKE \'civishare%\')"); civicrm_api3("Job", "execute", []);');

    self::assertContact(['first_name' => 'Jana', 'last_name' => $last], self::$b, self::$b->counterpart(self::$a, $id));
    $log = self::$b->value("SELECT CONCAT(IFNULL(description, ''), IFNULL(data, '')) FROM civicrm_job_log WHERE name LIKE 'CiviShare: process' ORDER BY id DESC LIMIT 1");
    self::assertStringContainsString('1 changes were applied', (string) $log);
  }

  public function test_many_contacts_of_one_request_arrive(): void {
    $last = self::name('Crowd');
    self::$a->request('
      for ($number = 1; $number <= 230; $number++) {
        civicrm_api3("Contact", "create", ["contact_type" => "Individual", "first_name" => "No. $number", "last_name" => $last]);
      }', ['last' => $last]);

    self::deliver(self::$a, self::$b);

    $names = array_column(self::$b->get('Contact', [['last_name', '=', $last]], ['first_name']), 'first_name');
    self::assertCount(230, $names);
    self::assertCount(230, array_unique($names));
  }

  public function test_a_second_run_changes_nothing(): void {
    [, $there] = self::sharedPerson();
    Network::settle([self::$a, self::$b]);
    $modified = self::$b->value("SELECT modified_date FROM civicrm_contact WHERE id = $there");
    sleep(1);

    $rounds = Network::settle([self::$a, self::$b]);

    self::assertSame(1, $rounds);
    self::assertSame($modified, self::$b->value("SELECT modified_date FROM civicrm_contact WHERE id = $there"));
  }

  public function test_jobs_that_overlap_send_and_apply_everything_once(): void {
    $last = self::name('Overlap');
    self::$a->request('
      for ($number = 1; $number <= 120; $number++) {
        civicrm_api3("Contact", "create", ["contact_type" => "Individual", "first_name" => "No. $number", "last_name" => $last]);
      }', ['last' => $last]);

    foreach ([[self::$a, 'civishare_send'], [self::$b, 'civishare_process']] as [$site, $job]) {
      $processes = [];
      for ($number = 0; $number < 3; $number++) {
        $processes[] = $process = $site->start();
        $process->give('return civicrm_api3("Job", $job, []);', ['job' => $job]);
      }
      foreach ($processes as $process) {
        $process->result();
        $process->close();
      }
    }
    Network::settle([self::$a, self::$b]);

    $names = array_column(self::$b->get('Contact', [['last_name', '=', $last]], ['first_name']), 'first_name');
    self::assertCount(120, $names);
    self::assertCount(120, array_unique($names));
    self::assertSame([0, 0], [self::$a->store()['dead'], self::$b->store()['dead']]);
  }

  private static function custom(array $values): array {
    return array_combine(array_map(fn($name) => self::GROUP . ".$name", array_keys($values)), $values);
  }

}

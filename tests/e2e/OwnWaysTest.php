<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * What CiviCRM makes of a save by itself: both sites hold the same all the same.
 */
final class OwnWaysTest extends AllTypesTest {

  /**
   * @return int
   *   Its ID.
   */
  private static function make(Site $site, string $entity, array $values): int {
    return (int) $site->api4($entity, 'create', ['values' => $values])[0]['id'];
  }

  public function test_the_moment_at_which_an_address_was_put_on_hold_is_that_of_the_site_which_did_it(): void {
    [$contact] = self::sharedPerson();
    $email = self::make(self::$a, 'Email', ['contact_id' => $contact, 'email' => 'hold@example.org']);
    self::$a->request('CRM_Core_DAO::executeQuery("UPDATE civicrm_email SET on_hold = 1, hold_date = \'2021-02-03 04:05:06\' WHERE id = $email");', ['email' => $email]);
    self::deliver(self::$a, self::$b);

    self::assertSame('1 2021-02-03 04:05:06', self::$b->value('SELECT CONCAT(on_hold, " ", hold_date) FROM civicrm_email WHERE id = ' . self::there('Email', $email)));
  }

  public function test_of_billing_addresses_made_on_both_sites_at_once_the_latest_is_it_where_there_is_to_be_one(): void {
    [$contact, $there] = self::sharedPerson();
    $address = fn(Site $site, int $id, string $street) => self::make($site, 'Address', ['contact_id' => $id, 'location_type_id' => 1, 'street_address' => $street, 'is_billing' => TRUE]);
    $billing = fn(Site $site, int $id) => (string) $site->value("SELECT GROUP_CONCAT(street_address ORDER BY street_address) FROM civicrm_address WHERE is_billing = 1 AND contact_id = $id");
    $first = $address(self::$a, $contact, 'Weg 1');
    usleep(5000);
    $address(self::$b, $there, 'Weg 2');
    Network::settle([self::$a, self::$b]);

    // 5.33 lets a contact have several.
    $one = self::$a->ask('return method_exists("CRM_Core_BAO_Block", "handleBilling");');
    self::assertSame($one ? 'Weg 2' : 'Weg 1,Weg 2', $billing(self::$a, $contact));
    self::assertSame($billing(self::$a, $contact), $billing(self::$b, $there));

    self::$a->api4('Address', 'update', ['where' => [['id', '=', $first]], 'values' => ['is_billing' => TRUE, 'city' => 'Bonn']]);
    Network::settle([self::$a, self::$b]);
    self::assertSame($one ? 'Weg 1' : 'Weg 1,Weg 2', $billing(self::$b, $there));
    self::$a->api4('Address', 'update', ['where' => [['id', '=', $first]], 'values' => ['is_billing' => FALSE]]);
    Network::settle([self::$a, self::$b]);
    self::assertSame($one ? '' : 'Weg 2', $billing(self::$a, $contact));
    self::assertSame($billing(self::$a, $contact), $billing(self::$b, $there));
  }

  public function test_email_addresses_for_bulk_mail_made_on_both_sites_at_once_are_so_on_both(): void {
    [$contact, $there] = self::sharedPerson();
    $email = fn(Site $site, int $id, string $email) => self::make($site, 'Email', ['contact_id' => $id, 'location_type_id' => 1, 'email' => $email, 'is_bulkmail' => TRUE]);

    $email(self::$a, $contact, 'earlier@example.org');
    usleep(5000);
    $email(self::$b, $there, 'later@example.org');
    Network::settle([self::$a, self::$b]);

    foreach ([[self::$a, $contact], [self::$b, $there]] as [$site, $id]) {
      self::assertSame('earlier@example.org,later@example.org', $site->value("SELECT GROUP_CONCAT(email ORDER BY email) FROM civicrm_email WHERE is_bulkmail = 1 AND contact_id = $id"), "on {$site->name}");
    }
  }

  public function test_a_changed_relationship_leaves_the_employer_alone(): void {
    [$contact, $there] = self::sharedPerson();
    $works = self::$a->create(['contact_type' => 'Organization', 'organization_name' => self::name('Works')]);
    self::$a->update($contact, ['employer_id' => $works]);
    Network::settle([self::$a, self::$b]);
    $relationship = (int) self::$a->value("SELECT id FROM civicrm_relationship WHERE contact_id_a = $contact AND contact_id_b = $works");

    self::$a->api4('Relationship', 'update', ['where' => [['id', '=', $relationship]], 'values' => ['description' => 'since long', 'is_active' => TRUE, 'is_permission_a_b' => 1]]);
    Network::settle([self::$a, self::$b]);

    $row = self::$b->get('Relationship', [['id', '=', self::there('Relationship', $relationship)]])[0];
    self::assertSame(['since long', 1], [$row['description'], $row['is_permission_a_b']]);
    foreach ([[self::$a, $contact, $works], [self::$b, $there, self::$b->counterpart(self::$a, $works)]] as [$site, $person, $employer]) {
      self::assertContact(['employer_id' => $employer], $site, $person, $site->name);
    }
  }

  public function test_who_leaves_an_employer_gets_no_nameless_one(): void {
    [$contact, $there] = self::sharedPerson();
    $works = self::$a->create(['contact_type' => 'Organization', 'organization_name' => self::name('Works')]);
    self::$a->update($contact, ['employer_id' => $works]);
    Network::settle([self::$a, self::$b]);
    $organizations = self::$b->value("SELECT COUNT(*) FROM civicrm_contact WHERE contact_type = 'Organization'");

    self::$a->api3('Contact', 'create', ['id' => $contact, 'contact_type' => 'Individual', 'employer_id' => '']);
    Network::settle([self::$a, self::$b]);

    self::assertContact(['employer_id' => NULL], self::$a, $contact);
    self::assertContact(['employer_id' => NULL], self::$b, $there);
    self::assertSame($organizations, self::$b->value("SELECT COUNT(*) FROM civicrm_contact WHERE contact_type = 'Organization'"));
  }

  public function test_an_activity_whose_source_is_gone_arrives_without_one(): void {
    [$contact, $there] = self::sharedPerson();
    [$target, $targetThere] = self::sharedPerson();
    self::$b->api3('Contact', 'delete', ['id' => $there, 'skip_undelete' => TRUE]);
    $activity = self::make(self::$a, 'Activity', ['activity_type_id' => 1, 'subject' => 'Alone', 'source_contact_id' => $contact, 'target_contact_id' => [$target]]);

    $said = self::deliver(self::$a, self::$b);
    $arrived = self::there('Activity', $activity);
    self::assertSame("3 $targetThere", self::$b->value("SELECT GROUP_CONCAT(record_type_id, ' ', contact_id) FROM civicrm_activity_contact WHERE activity_id = $arrived"), $said);

    Network::settle([self::$a, self::$b]);
    self::assertSame("3 $target", self::$a->value("SELECT GROUP_CONCAT(record_type_id, ' ', contact_id) FROM civicrm_activity_contact WHERE activity_id = $activity"));
    self::assertSame([], self::$b->ask('return \Civi\Share\Native::store()->deadLetters([]);'));
  }

  public function test_records_of_a_set_arrive_from_api_3_and_from_the_form(): void {
    [$contact, $there] = self::sharedPerson();
    $set = str_replace(' ', '_', self::name('Jobs'));
    $group = (int) self::$a->api3('CustomGroup', 'create', ['title' => $set, 'name' => $set, 'extends' => 'Individual', 'is_multiple' => 1, 'style' => 'Tab', 'is_active' => 1])['id'];
    $field = (int) self::$a->api3('CustomField', 'create', ['custom_group_id' => $group, 'label' => 'Job', 'name' => 'job', 'data_type' => 'String', 'html_type' => 'Text', 'is_active' => 1])['id'];
    self::deliver(self::$a, self::$b);
    foreach ([self::$a, self::$b] as $site) {
      $site->refresh();
      self::letThrough($site, self::declared($site));
    }
    $jobs = fn(Site $site, int $id) => array_column($site->api4("Custom_$set", 'get', ['where' => [['entity_id', '=', $id]], 'orderBy' => ['id' => 'ASC']]), 'job');

    self::$a->api3('CustomValue', 'create', ['entity_id' => $contact, "custom_$field:-1" => 'Baker', "custom_$field:-2" => 'Smith']);
    $said = self::deliver(self::$a, self::$b);
    self::assertSame(['Baker', 'Smith'], $jobs(self::$b, $there), $said);

    $first = self::$a->api4("Custom_$set", 'get', ['where' => [['job', '=', 'Baker']]])[0]['id'];
    self::$a->api3('CustomValue', 'create', ['entity_id' => $contact, "custom_$field:$first" => 'Miller']);
    $said = self::deliver(self::$a, self::$b);
    self::assertSame(['Miller', 'Smith'], $jobs(self::$b, $there), $said);

    $browser = new Browser(self::$a);
    $browser->login() || $this->skip('no login form known for this CMS, or no SITE_ADMIN_USER');
    $browser->page('civicrm/contact/view/cd/edit', "reset=1&type=Individual&groupID=$group&entityID=$contact&cgcount=3&multiRecordDisplay=single&mode=add");
    self::assertSame(1, preg_match("/name=\"(custom_{$field}_-\\d+)\"/", $browser->html, $found), 'a field for a new record');
    $browser->submit([$found[1] => 'Tailor'], '_qf_CustomData_upload');
    self::assertSame(['Miller', 'Smith', 'Tailor'], $jobs(self::$a, $contact), 'the form');
    $said = self::deliver(self::$a, self::$b);
    self::assertSame(['Miller', 'Smith', 'Tailor'], $jobs(self::$b, $there), $said);

    self::$a->api4("Custom_$set", 'delete', ['where' => [['id', '=', $first]]]);
    $said = self::deliver(self::$a, self::$b);
    self::assertSame(['Smith', 'Tailor'], $jobs(self::$b, $there), $said);
  }

}

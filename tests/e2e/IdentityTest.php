<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * Which contact of this site a new one from a peer is: the peering's matching rule, what is told for it, and what a person decides.
 */
final class IdentityTest extends EndToEndTest {

  private static Peer $peer;

  /**
   * A's peering with it.
   */
  private static int $peering;

  public static function setUpBeforeClass(): void {
    parent::setUpBeforeClass();
    Network::settle([self::$a, self::$b]);
    self::$peer = new Peer('https://identity.e2e.example.org', self::$a);
    self::$peering = Network::peer(self::$a, self::$peer->identifier, self::$peer->url, self::$peer->secret);
  }

  public static function tearDownAfterClass(): void {
    foreach ([self::$a, self::$b] as $site) {
      $site->api4('ShareNodePeering', 'update', ['where' => [['id', '>', 0]], 'values' => ['options' => [], 'types_out' => [Site::CONTACT_BASE], 'types_in' => [Site::CONTACT_BASE]]]);
    }
    Network::unpeer(self::$a, self::$peer->identifier);
    self::$peer->stop();
    Network::settle([self::$a, self::$b]);
  }

  private static function options(array $options): void {
    self::$a->api4('ShareNodePeering', 'update', ['where' => [['id', '=', self::$peering]], 'values' => ['options' => $options]]);
    self::$a->refresh();
  }

  /**
   * A new contact arrives from the peer.
   *
   * @return string
   *   Its UID.
   */
  private static function arrive(array $attributes, array $identity = []): string {
    $uid = Message::uuid();
    $more = $identity === [] ? [] : ['identity' => $identity];
    self::assertSame(202, self::$peer->post([self::$peer->change($uid, $attributes + ['contact_type' => 'Individual'], 'create', $more)])->status);
    self::$a->process();
    return $uid;
  }

  private static function withEmail(array $values, string $email): int {
    $id = self::$a->create($values);
    self::$a->api4('Email', 'create', ['values' => ['contact_id' => $id, 'email' => $email, 'is_primary' => TRUE]]);
    return $id;
  }

  /**
   * Why a new contact was set aside.
   */
  private static function letter(string $uid): ?array {
    foreach (self::$a->api4('ShareChange', 'get') as $letter) {
      if ((json_decode($letter['change'], TRUE)['entity_uid'] ?? NULL) === $uid) {
        return $letter;
      }
    }
    return NULL;
  }

  public function test_who_was_deleted_here_takes_nobody_along_whom_the_peer_holds_to_be_the_same(): void {
    self::options(['match' => 'never']);
    $name = self::name();
    $deleted = self::arrive(['first_name' => 'Ada', 'last_name' => $name]);
    self::$a->api3('Contact', 'delete', ['id' => self::$a->byUid($deleted), 'skip_undelete' => 1]);
    self::$a->process();
    $lives = Message::uuid();

    self::$peer->post([self::$peer->change($deleted, ['first_name' => 'Adele'], 'update', ['same_as' => [$lives]])]);
    self::$a->process();
    self::assertNull(self::$a->byUid($deleted), 'it stays deleted');

    self::$peer->post([self::$peer->change($lives, ['contact_type' => 'Individual', 'first_name' => 'Adele', 'last_name' => $name], 'create', ['same_as' => [$deleted]])]);
    self::$a->process();
    self::assertContact(['first_name' => 'Adele', 'last_name' => $name], self::$a, self::$a->byUid($lives));

    // From now on either UID names who lives, and that one of them was deleted is no news.
    self::$peer->post([self::$peer->change($deleted, [], 'delete')]);
    self::$a->process();
    self::$peer->post([self::$peer->change($deleted, ['first_name' => 'Adelheid'])]);
    self::$a->process();
    self::assertContact(['first_name' => 'Adelheid'], self::$a, self::$a->byUid($lives));
    self::assertSame(self::$a->byUid($lives), self::$a->byUid($deleted));
    self::assertSame('1', self::$a->value("SELECT COUNT(*) FROM civicrm_share_entity e WHERE EXISTS (SELECT 1 FROM civicrm_share_uid u
      WHERE u.share_entity_id = e.id AND u.uid IN ('$lives', '$deleted'))"));
  }

  public function test_a_number_in_another_system_or_an_email_finds_the_contact(): void {
    $number = self::name('ext');
    $email = 'found' . bin2hex(random_bytes(4)) . '@example.org';
    $first = self::$a->create(['first_name' => 'Ada', 'last_name' => self::name(), 'external_identifier' => $number]);
    $second = self::withEmail(['first_name' => 'Bea', 'last_name' => self::name()], $email);

    self::options(['match' => 'external_identifier']);
    self::assertSame($first, self::$a->byUid(self::arrive(['first_name' => 'Adele'], ['external_identifier' => $number])));
    self::assertContact(['external_identifier' => $number, 'first_name' => 'Adele'], self::$a, $first);
    $stranger = self::$a->byUid(self::arrive(['first_name' => 'Ada']));
    self::assertNotNull($stranger);
    self::assertNotSame($first, $stranger, 'without the number nobody is matched');
    self::assertContact(['external_identifier' => NULL], self::$a, $stranger);

    self::options(['match' => 'email']);
    self::assertSame($second, self::$a->byUid(self::arrive(['first_name' => 'Beate'], ['email_primary.email' => $email])));
    self::options(['match' => 'never']);
    self::assertNotSame($second, self::$a->byUid(self::arrive(['first_name' => 'Bea'], ['email_primary.email' => $email])));
  }

  public function test_civicrm_s_own_rules_count_when_every_field_is_known(): void {
    $email = 'rule' . bin2hex(random_bytes(4)) . '@example.org';
    $name = self::name();
    $known = self::withEmail(['first_name' => 'Cleo', 'last_name' => $name], $email);

    self::options(['match' => ['dedupe' => 'unsupervised']]);
    self::assertSame($known, self::$a->byUid(self::arrive(['first_name' => 'Else'], ['email_primary.email' => $email])), 'by email alone');
    self::assertNotSame($known, self::$a->byUid(self::arrive(['first_name' => 'Else', 'last_name' => $name])), 'no email');

    self::options(['match' => ['dedupe' => 'supervised']]);
    $all = ['first_name' => 'Cleo', 'last_name' => $name];
    self::assertNotSame($known, self::$a->byUid(self::arrive($all)), 'two of three fields');
    self::assertSame($known, self::$a->byUid(self::arrive(['last_name' => $name, 'first_name' => 'Else'], ['email_primary.email' => $email])), 'two of three agree, which is what the rule asks for');

    $rule = self::$a->request('
      $group = civicrm_api3("RuleGroup", "create", ["contact_type" => "Individual", "threshold" => 20, "used" => "General", "name" => $name, "title" => $name]);
      foreach (["civicrm_contact" => "gender_id", "civicrm_address" => "postal_code"] as $table => $field) {
        civicrm_api3("Rule", "create", ["dedupe_rule_group_id" => $group["id"], "rule_table" => $table, "rule_field" => $field, "rule_weight" => 10]);
      }
      return $name;', ['name' => str_replace(' ', '_', self::name('Rule'))]);
    $code = 'P' . bin2hex(random_bytes(3));
    $other = self::$a->create(['first_name' => 'Dora', 'last_name' => self::name(), 'gender_id:name' => 'Female']);
    self::$a->api4('Address', 'create', ['values' => ['contact_id' => $other, 'postal_code' => $code, 'is_primary' => TRUE]]);
    self::options(['match' => ['dedupe' => $rule]]);
    self::assertSame($other, self::$a->byUid(self::arrive(['gender_id:name' => 'Female'], ['address_primary.postal_code' => $code])), 'by name, options and address');
    self::assertNotSame($other, self::$a->byUid(self::arrive(['gender_id:name' => 'Male'], ['address_primary.postal_code' => $code])));
  }

  public function test_linking_lifts_no_opt_out_and_a_default_replaces_nothing(): void {
    self::options(['match' => ['first_name', 'last_name']]);
    $name = self::name();
    $id = self::$a->create(['first_name' => 'Eva', 'last_name' => $name, 'is_opt_out' => TRUE, 'do_not_email' => FALSE, 'preferred_mail_format' => 'Text', 'nick_name' => 'E']);

    $uid = self::arrive(['first_name' => 'Eva', 'last_name' => $name, 'is_opt_out' => FALSE, 'do_not_email' => TRUE, 'preferred_mail_format' => 'Both', 'nick_name' => NULL, 'job_title' => 'Cook']);

    self::assertSame($id, self::$a->byUid($uid));
    self::assertContact(['is_opt_out' => TRUE, 'do_not_email' => TRUE, 'preferred_mail_format' => 'Text', 'nick_name' => 'E', 'job_title' => 'Cook'], self::$a, $id);
  }

  public function test_nothing_is_asked_of_a_linked_contact(): void {
    self::options(['match' => ['first_name', 'last_name']]);
    $name = self::name();
    $id = self::$a->create(['first_name' => 'Fay', 'last_name' => $name]);
    $uid = self::arrive(['first_name' => 'Fay', 'last_name' => $name]);
    self::$a->update($id, ['first_name' => 'Unlike', 'last_name' => "Not $name"]);
    self::$a->create(['first_name' => 'Fay', 'last_name' => $name]);
    self::options(['match' => ['first_name', 'last_name'], 'on_no_match' => 'report']);

    self::$peer->post([self::$peer->change($uid, ['job_title' => 'Linked'])]);
    self::$a->process();

    self::assertContact(['job_title' => 'Linked'], self::$a, $id);
  }

  public function test_what_nobody_matches_is_reported_where_the_peering_says_so(): void {
    self::options(['match' => 'external_identifier', 'on_no_match' => 'report']);
    $uid = self::arrive(['first_name' => 'Gil', 'last_name' => self::name()], ['external_identifier' => 'nobody']);
    self::assertNull(self::$a->byUid($uid));
    $letter = self::letter($uid);
    self::assertStringStartsWith('unmatched', $letter['reason']);

    // A person makes a new one of it, and what was told since follows.
    self::$a->api4('ShareChange', 'link', ['where' => [['id', '=', $letter['id']]], 'newContact' => TRUE]);
    self::$a->process();
    self::assertContact(['first_name' => 'Gil'], self::$a, self::$a->byUid($uid));
    self::assertNull(self::letter($uid));
    self::assertSame('0', self::$a->value('SELECT COUNT(*) FROM civicrm_share_choice'));
  }

  public function test_of_several_a_person_says_which_it_is(): void {
    self::options(['match' => ['first_name', 'last_name']]);
    $name = self::name();
    $twins = [self::$a->create(['first_name' => 'Ivy', 'last_name' => $name]), self::$a->create(['first_name' => 'Ivy', 'last_name' => $name, 'is_opt_out' => TRUE])];
    $uid = self::arrive(['first_name' => 'Ivy', 'last_name' => $name, 'job_title' => 'Pilot', 'is_opt_out' => FALSE]);
    $letter = self::letter($uid);
    self::assertStringContainsString("ambiguous: several contacts of this site match ($twins[0], $twins[1])", $letter['reason']);

    try {
      self::$a->api4('ShareChange', 'link', ['where' => [['id', '=', $letter['id']]], 'contactId' => 999999999]);
      self::fail('There is no such contact.');
    }
    catch (SiteError $e) {
      self::assertStringContainsString('This site has no contact 999999999', $e->getMessage());
    }
    self::$a->api4('ShareChange', 'link', ['where' => [['id', '=', $letter['id']]], 'contactId' => $twins[1]]);
    self::$a->process();
    self::assertSame($twins[1], self::$a->byUid($uid));
    self::assertContact(['job_title' => 'Pilot', 'is_opt_out' => TRUE], self::$a, $twins[1]);
    self::assertContact(['job_title' => NULL], self::$a, $twins[0]);
    self::assertSame('0', self::$a->value('SELECT COUNT(*) FROM civicrm_share_choice'));

    self::$peer->post([self::$peer->change($uid, ['job_title' => 'Captain'])]);
    self::$a->process();
    self::assertContact(['job_title' => 'Captain'], self::$a, $twins[1]);
  }

  public function test_the_screen_lists_who_it_may_be(): void {
    $browser = new Browser(self::$a);
    if (!$browser->login()) {
      $this->skip('no login form known for this CMS, or no SITE_ADMIN_USER');
    }
    self::options(['match' => ['first_name', 'last_name']]);
    $name = self::name();
    $twins = [self::$a->create(['first_name' => 'Lea', 'last_name' => $name]), self::$a->create(['first_name' => 'Lea', 'last_name' => $name])];
    [$first, $second] = [self::arrive(['first_name' => 'Lea', 'last_name' => $name]), self::arrive(['first_name' => 'Lea', 'last_name' => $name, 'nick_name' => 'L'])];
    [$one, $two] = [self::letter($first)['id'], self::letter($second)['id']];

    $browser->page('civicrm/admin/share/letters');
    self::assertStringContainsString("Lea $name ($twins[0])", $browser->html);
    $browser->submit(["contact_$one" => (string) $twins[0], "other_$two" => (string) $twins[1]], '_qf_Letters_next_link');
    self::$a->process();

    self::assertSame($twins, [self::$a->byUid($first), self::$a->byUid($second)]);
  }

  public function test_what_a_peer_finds_contacts_by_is_told_to_no_other(): void {
    self::options([]);
    $b = "endpoint_url = '" . self::$b->endpoint . "'";
    $toB = (int) self::$a->value("SELECT id FROM civicrm_share_node_peering WHERE $b");
    $only = [['type' => Site::CONTACT_BASE, 'attributes' => ['contact_type', 'first_name', 'last_name']]];
    self::$a->api4('ShareNodePeering', 'update', ['where' => [['id', '=', $toB]], 'values' => ['types_out' => $only, 'options' => ['identity' => ['email_primary.email']]]]);
    self::$b->api4('ShareNodePeering', 'update', ['where' => [['endpoint_url', '=', self::$a->endpoint]], 'values' => ['options' => ['match' => 'email']]]);
    $email = 'told' . bin2hex(random_bytes(4)) . '@example.org';
    $there = self::$b->create(['first_name' => 'Known', 'last_name' => self::name()]);
    self::$b->api4('Email', 'create', ['values' => ['contact_id' => $there, 'email' => $email, 'is_primary' => TRUE]]);
    self::$peer->clear();

    $id = (int) self::$a->request('
      $id = civicrm_api4("Contact", "create", ["checkPermissions" => FALSE, "values" => ["contact_type" => "Individual", "first_name" => "Jo", "last_name" => $name]])->first()["id"];
      civicrm_api4("Email", "create", ["checkPermissions" => FALSE, "values" => ["contact_id" => $id, "email" => $email]]);
      return $id;', ['name' => self::name(), 'email' => $email]);
    $said = self::deliver(self::$a, self::$b);
    self::$a->api4('ShareNodePeering', 'update', ['where' => [['id', '=', $toB]], 'values' => ['types_out' => [Site::CONTACT_BASE], 'options' => []]]);
    self::$b->api4('ShareNodePeering', 'update', ['where' => [['endpoint_url', '=', self::$a->endpoint]], 'values' => ['options' => []]]);

    self::assertSame($there, self::$b->counterpart(self::$a, $id), $said);
    self::assertContact(['first_name' => 'Jo'], self::$b, $there);
    $told = self::$peer->changes(self::$a->uid($id));
    self::assertNotSame([], $told);
    self::assertStringNotContainsString($email, json_encode($told));
    self::assertArrayNotHasKey('identity', $told[0]);
  }

  public function test_a_link_survives_that_either_side_merges_the_contact_into_another(): void {
    foreach ([[self::$a, self::$b], [self::$b, self::$a]] as [$merging, $other]) {
      $here = self::$a->create(['first_name' => 'Kit', 'last_name' => self::name()]);
      self::deliver(self::$a, self::$b);
      $id = $merging === self::$a ? $here : self::$b->counterpart(self::$a, $here);
      $linked = $merging === self::$a ? self::$b->counterpart(self::$a, $here) : $here;
      $survivor = $merging->create(['first_name' => 'Kitty', 'last_name' => self::name()]);
      $merging->api3('Contact', 'merge', ['to_keep_id' => $survivor, 'to_remove_id' => $id, 'mode' => 'aggressive']);
      Network::settle([self::$a, self::$b]);

      $merging->update($survivor, ['job_title' => 'Merged']);
      Network::settle([self::$a, self::$b]);
      $alive = $other->counterpart($merging, $survivor);
      self::assertContact(['job_title' => 'Merged', 'is_deleted' => FALSE], $other, $alive);
      if ($alive !== $linked) {
        self::assertContact(['is_deleted' => TRUE], $other, $linked, 'the absorbed one');
      }
      $other->update($alive, ['nick_name' => 'Back']);
      Network::settle([self::$a, self::$b]);
      self::assertContact(['nick_name' => 'Back'], $merging, $survivor);
    }
  }

  public function test_options_that_make_no_sense_are_refused_with_a_reason(): void {
    foreach ([
      'There is no option "mtach"' => ['mtach' => 'email'],
      'match: contacts have no attribute email' => ['match' => ['email']],
      'match is "never"' => ['match' => 'name'],
      'no dedupe rule "nowhere"' => ['match' => ['dedupe' => 'nowhere']],
      'identity has to be a list' => ['identity' => 'email_primary.email'],
      'on_no_match is not one of: create, wait, report' => ['on_no_match' => 'ask'],
      'no list of options colour' => ['option_map' => ['colour' => ['red' => 'rot']]],
      'several options become Female' => ['option_map' => ['gender' => ['F' => 'Female', 'W' => 'Female']]],
      'option_missing is not one of' => ['option_missing' => ['gender' => 'ignore']],
    ] as $says => $options) {
      try {
        self::options($options);
        self::fail("taken: $says");
      }
      catch (SiteError $e) {
        self::assertStringContainsString($says, $e->getMessage());
      }
    }
  }

  public function test_two_contacts_that_are_one_for_the_peer_are_proposed_for_a_merge(): void {
    self::options([]);
    $uids = [self::arrive(['first_name' => 'Eva', 'last_name' => self::name()]), self::arrive(['first_name' => 'Eve', 'last_name' => self::name()])];
    $ids = array_map([self::$a, 'byUid'], $uids);
    $status = fn() => self::$a->systemStatus()["civishare_pair_$ids[0]_$ids[1]"] ?? NULL;

    self::assertSame(202, self::$peer->post([self::$peer->change($uids[1], [], 'update', ['same_as' => [$uids[0]]])])->status);
    self::$a->process();

    self::assertSame($ids, array_map([self::$a, 'byUid'], $uids), 'nothing is learnt');
    $shown = $status();
    self::assertNotNull($shown);
    foreach (['Eva', 'Eve', "($ids[0])", "($ids[1])"] as $part) {
      self::assertStringContainsString($part, $shown['message']);
    }

    $exception = (int) self::$a->api3('Exception', 'create', ['contact_id1' => $ids[0], 'contact_id2' => $ids[1]])['id'];
    self::assertNull($status(), 'a person said that they are two');
    self::$a->api3('Exception', 'delete', ['id' => $exception]);
    self::assertNotNull($status());
    self::$a->api3('Contact', 'merge', ['to_keep_id' => $ids[0], 'to_remove_id' => $ids[1], 'mode' => 'aggressive']);
    self::assertNull($status(), 'a person has merged them');
    self::assertSame([$ids[0], $ids[0]], array_map([self::$a, 'byUid'], $uids));
  }

  /**
   * The last one: what waits here waits for an hour.
   */
  public function test_what_nobody_matches_waits_where_the_peering_says_so(): void {
    self::options(['match' => 'external_identifier', 'on_no_match' => 'wait']);
    $uid = self::arrive(['first_name' => 'Hal', 'last_name' => self::name()], ['external_identifier' => self::name('later')]);
    self::assertNull(self::$a->byUid($uid));
    $waiting = self::$a->api4('ShareChange', 'getWaiting', ['where' => [['peering_id', '=', self::$peering]]]);
    self::assertCount(1, $waiting);
    self::assertStringStartsWith('unmatched', $waiting[0]['reason']);
    self::assertGreaterThan(date('Y-m-d H:i:s', time() + 3000), $waiting[0]['next_date']);
  }

}

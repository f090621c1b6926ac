<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * What a change refers to and does not come is asked for, and whoever waits for what is not shared is told so.
 */
final class MissingTest extends EndToEndTest {

  const EMAIL = 'civishare.change.contact.email';

  const DUE = 'UPDATE civicrm_share_missing SET next_ms = 0';

  public static function setUpBeforeClass(): void {
    parent::setUpBeforeClass();
    foreach ([self::$a, self::$b] as $site) {
      self::share($site, [Site::CONTACT_BASE, self::EMAIL]);
    }
  }

  public static function tearDownAfterClass(): void {
    foreach ([self::$a, self::$b] as $site) {
      self::share($site, [Site::CONTACT_BASE]);
    }
  }

  private static function share(Site $site, array $out): void {
    $values = ['types_out' => $out, 'types_in' => [Site::CONTACT_BASE, self::EMAIL]];
    $site->api4('ShareNodePeering', 'update', ['where' => [['id', '>', 0]], 'values' => $values]);
    $site->refresh();
  }

  /**
   * The site never heard of this contact.
   */
  private static function unknow(Site $site, int $id): void {
    $site->request('
      CRM_Core_DAO::executeQuery("DELETE FROM civicrm_share_entity WHERE entity_type = \'Contact\' AND entity_id = $id");
      CRM_Core_DAO::executeQuery("DELETE FROM civicrm_contact WHERE id = $id");', ['id' => $id]);
    $site->process();
  }

  /**
   * A contact with an e-mail address, of which only the address is shared, and that has been asked for.
   */
  private static function withheld(): int {
    [$id, $lost] = self::sharedPerson();
    self::unknow(self::$b, $lost);
    self::share(self::$a, [self::EMAIL]);
    self::$a->api4('Email', 'create', ['values' => ['contact_id' => $id, 'email' => 'secret@example.org']]);
    self::deliver(self::$a, self::$b);
    self::$b->sql(self::DUE);
    self::$b->process();
    Network::settle([self::$a, self::$b]);
    return $id;
  }

  private static function giveAll(): void {
    self::share(self::$a, [Site::CONTACT_BASE, self::EMAIL]);
    self::$b->api4('ShareChange', 'retry', ['where' => [['id', '>', 0]]]);
    self::$b->process();
    self::$b->sql(self::DUE);
    self::$b->process();
    Network::settle([self::$a, self::$b]);
  }

  /**
   * @return string[]
   */
  private static function reasons(Site $site): array {
    return array_column($site->ask('return \Civi\Share\Native::store()->deadLetters([]);'), 'reason');
  }

  public function test_a_reference_is_there_once_its_target_was_asked_for(): void {
    [$employer, $lost] = self::sharedPerson(['contact_type' => 'Organization', 'organization_name' => self::name('Firm')]);
    self::unknow(self::$b, $lost);

    [, $there] = self::sharedPerson(['employer_id' => $employer]);
    self::assertContact(['employer_id' => NULL], self::$b, $there, 'it waits');
    self::$b->process();
    self::assertNull(self::$b->counterpart(self::$a, $employer), 'for a while it may come by itself');

    self::$b->sql(self::DUE);
    self::$b->process();
    $found = self::$b->counterpart(self::$a, $employer);
    self::assertNotNull($found, 'the employer was asked for');
    self::assertContact(['employer_id' => $found], self::$b, $there);
    $uid = self::$a->uid($employer);
    self::assertSame('0', self::$b->value("SELECT COUNT(*) FROM civicrm_share_missing WHERE uid = '$uid'"));
    self::assertSame('0', self::$b->value("SELECT COUNT(*) FROM civicrm_share_waiting WHERE uid = '$uid'"));
  }

  public function test_what_can_not_be_without_its_contact_comes_with_it(): void {
    [$id, $lost] = self::sharedPerson();
    self::unknow(self::$b, $lost);

    self::$a->api4('Email', 'create', ['values' => ['contact_id' => $id, 'email' => 'lost@example.org']]);
    self::deliver(self::$a, self::$b);
    self::assertSame(1, self::$b->store()['inbox']);
    self::$b->sql(self::DUE);
    self::$b->process();
    Network::settle([self::$a, self::$b]);

    $there = self::$b->counterpart(self::$a, $id);
    self::assertNotNull($there);
    self::assertSame('lost@example.org', self::$b->value("SELECT email FROM civicrm_email WHERE contact_id = $there"));
  }

  public function test_what_is_not_shared_is_reported_and_can_be_tried_again(): void {
    $id = self::withheld();
    self::assertStringContainsString('does not share with this site', implode(' ', self::reasons(self::$b)));
    self::assertStringContainsString('refers to what it does not share', json_encode(self::$b->systemStatus()));
    self::assertNull(self::$b->counterpart(self::$a, $id));

    self::giveAll();
    $there = self::$b->counterpart(self::$a, $id);
    self::assertNotNull($there, json_encode(self::reasons(self::$b)));
    self::assertSame('secret@example.org', self::$b->value("SELECT email FROM civicrm_email WHERE contact_id = $there"));
    self::assertSame([], self::reasons(self::$b));
  }

  public function test_that_something_is_not_shared_is_forgotten_after_a_month(): void {
    self::withheld();
    self::assertStringContainsString('refers to what it does not share', json_encode(self::$b->systemStatus()));
    self::$b->sql('UPDATE civicrm_share_missing SET since_ms = since_ms - 30 * 86400000 - 1');
    self::$b->sql("UPDATE civicrm_share_instance SET value = '0' WHERE name = 'swept'");
    self::$b->process();
    self::assertStringNotContainsString('refers to what it does not share', json_encode(self::$b->systemStatus()));
    self::giveAll();
    self::assertSame([0, 0], [self::$b->store()['inbox'], self::$b->store()['dead']]);
  }

  public function test_a_peer_that_does_not_answer_is_asked_again_later(): void {
    [$id, $lost] = self::sharedPerson();
    self::unknow(self::$b, $lost);
    self::$a->api4('Email', 'create', ['values' => ['contact_id' => $id, 'email' => 'later@example.org']]);
    self::deliver(self::$a, self::$b);
    $url = self::$b->value('SELECT endpoint_url FROM civicrm_share_node_peering');
    self::$b->sql("UPDATE civicrm_share_node_peering SET endpoint_url = 'http://127.0.0.1:9/'");
    self::$b->refresh();

    self::$b->sql(self::DUE);
    self::$b->process();
    self::assertSame('1', self::$b->value('SELECT COUNT(*) FROM civicrm_share_missing WHERE attempts = 1 AND is_denied = 0 AND next_ms > 0 AND uid = \'' . self::$a->uid($id) . '\''));

    self::$b->sql("UPDATE civicrm_share_node_peering SET endpoint_url = '$url'");
    self::$b->refresh();
    self::$b->sql(self::DUE);
    self::$b->process();
    Network::settle([self::$a, self::$b]);
    self::assertNotNull(self::$b->counterpart(self::$a, $id));
  }

  public function test_what_has_not_come_within_two_weeks_is_set_aside_with_what_came_after_it(): void {
    [$id, $lost] = self::sharedPerson();
    self::unknow(self::$b, $lost);
    $email = self::$a->api4('Email', 'create', ['values' => ['contact_id' => $id, 'email' => 'first@example.org']])[0]['id'];
    self::$a->api4('Email', 'update', ['where' => [['id', '=', $email]], 'values' => ['email' => 'second@example.org']]);
    $url = self::$b->value('SELECT endpoint_url FROM civicrm_share_node_peering');
    self::$b->sql("UPDATE civicrm_share_node_peering SET endpoint_url = 'http://127.0.0.1:9/'");
    self::$b->refresh();
    self::deliver(self::$a, self::$b);
    self::assertSame([2, 0], [self::$b->store()['inbox'], self::$b->store()['dead']], 'the later one waits behind the first');

    self::$b->sql('UPDATE civicrm_share_missing SET since_ms = since_ms - 13 * 86400000');
    sleep(1);
    self::$b->process();
    self::assertSame([2, 0], [self::$b->store()['inbox'], self::$b->store()['dead']]);
    self::$b->sql('UPDATE civicrm_share_missing SET since_ms = since_ms - 86400000 - 1');
    sleep(1);
    self::$b->process();

    self::assertSame([0, 2], [self::$b->store()['inbox'], self::$b->store()['dead']]);
    self::assertStringContainsString('has not come within 14 days', implode(' ', self::reasons(self::$b)));
    self::assertStringContainsString('have not come within 14 days', json_encode(self::$b->systemStatus()));

    self::$b->sql("UPDATE civicrm_share_node_peering SET endpoint_url = '$url'");
    self::$b->refresh();
    self::$b->api4('ShareChange', 'retry', ['where' => [['id', '>', 0]]]);
    self::$b->process();
    Network::settle([self::$a, self::$b]);
    $there = self::$b->counterpart(self::$a, $id);
    self::assertNotNull($there, json_encode(self::reasons(self::$b)));
    self::assertSame('second@example.org', self::$b->value("SELECT email FROM civicrm_email WHERE contact_id = $there"));
    self::assertSame([], self::reasons(self::$b));
  }

  public function test_records_give_what_the_peering_lets_out_and_nothing_else(): void {
    $peer = new Peer('https://asks.example.org', self::$a);
    [$gone] = self::sharedPerson();
    $buried = self::$a->uid($gone);
    self::$a->api3('Contact', 'delete', ['id' => $gone, 'skip_undelete' => 1]);
    self::deliver(self::$a, self::$b);
    try {
      Network::peer(self::$a, $peer->identifier, $peer->url, $peer->secret, ['types_out' => [['type' => Site::CONTACT_BASE, 'attributes' => ['first_name']]], 'types_in' => []]);
      $ask = fn(array $what) => $peer->post([], ['service' => 'records', 'epoch' => NULL, 'seq' => NULL, 'changes' => NULL] + $what, ['service' => 'records'])->json();
      [$id] = self::sharedPerson(['first_name' => 'Ada', 'last_name' => self::name()]);
      $uid = self::$a->uid($id);

      [$record] = $ask(['type' => Site::CONTACT_BASE, 'uids' => [$uid, $buried, Message::uuid()]])['records'];
      self::assertSame(['create', $uid], [$record['operation'], $record['entity_uid']]);
      self::assertSame(['first_name'], array_column($record['attribute_changes'], 'name'));
      self::assertSame([], $ask(['type' => self::EMAIL, 'uids' => [$uid]])['records'], 'a type that is not let out');
      self::assertSame([], $ask(['type' => Site::CONTACT_BASE, 'uids' => [$buried]])['records'], 'what it was never told of and is gone');

      $met = [];
      for ($page = ['after' => '']; $page['after'] !== NULL;) {
        $page = $ask(['type' => Site::CONTACT_BASE, 'after' => $page['after'], 'limit' => $met === [] ? 2 : 50]);
        $uids = array_column($page['records'], 'entity_uid');
        self::assertSame([], array_intersect($met, $uids), 'nothing comes twice');
        $met = array_merge($met, $uids);
      }
      self::assertContains($uid, $met);
      self::assertNotContains($buried, $met);

      self::$a->update($id, ['first_name' => 'Augusta']);
      self::$a->send();
      $told = $peer->changes($uid);
      self::assertSame('Augusta', end($told)['attribute_changes'][0]['to'], 'from now on it is told of what it has asked for');
    }
    finally {
      Network::unpeer(self::$a, $peer->identifier);
      $peer->stop();
    }
  }

}

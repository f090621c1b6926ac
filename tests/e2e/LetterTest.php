<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * Changes that could not be delivered or applied, and a site that has too much to do: watched by a node made by hand.
 */
final class LetterTest extends EndToEndTest {

  private static Peer $peer;

  private static int $peering;

  public static function setUpBeforeClass(): void {
    parent::setUpBeforeClass();
    Network::settle([self::$a, self::$b]);
    self::$peer = new Peer('https://letters.e2e.example.org', self::$a);
    self::$peering = Network::peer(self::$a, self::$peer->identifier, self::$peer->url, self::$peer->secret);
  }

  public static function tearDownAfterClass(): void {
    Network::unpeer(self::$a, self::$peer->identifier);
    self::$peer->stop();
  }

  private static function letters(): array {
    return self::$a->api4('ShareChange', 'get', ['where' => [['peering_id', '=', self::$peering]]]);
  }

  /**
   * A change that this site can not apply: of a person whom the peer has never shared.
   *
   * @return string
   *   Its change_id.
   */
  private static function poison(): string {
    $id = self::$a->create(['first_name' => 'Not', 'last_name' => self::name('Yours')]);
    $uid = Message::uuid();
    self::$a->sql("INSERT INTO civicrm_share_entity (entity_type, entity_id, uid, state) VALUES ('Contact', NULL, '$uid', '{\"u\":[\"$uid\"]}')");
    self::$a->sql("INSERT INTO civicrm_share_uid (uid, share_entity_id) SELECT uid, id FROM civicrm_share_entity WHERE uid = '$uid'");
    $change = self::$peer->change($uid, ['first_name' => "<i>O'Poison</i>"]);
    self::assertSame(202, self::$peer->post([$change])->status, (string) $id);
    self::$a->process();
    return $change['change_id'];
  }

  public function test_a_change_that_can_not_be_applied_is_set_aside_with_its_reason(): void {
    $changeId = self::poison();

    $letter = array_column(self::letters(), NULL, 'change_id')[$changeId] ?? NULL;

    self::assertNotNull($letter);
    self::assertSame('in', $letter['direction']);
    self::assertStringStartsWith('unshared', $letter['reason']);
    self::assertArrayHasKey('civishare_letters', self::$a->systemStatus());
  }

  public function test_a_change_that_a_peer_refuses_is_set_aside_and_the_rest_flows(): void {
    self::$a->send();
    self::$peer->clear();
    self::$peer->answer(['status' => 202, 'members' => ['accepted' => 0, 'rejected' => [['change_id' => 'x', 'index' => 0, 'reason' => 'we do not like it']]]]);
    self::$a->create(['first_name' => 'Refused', 'last_name' => self::name()]);
    self::$a->send();
    self::$peer->answer('accept');

    $id = self::$a->create(['first_name' => 'Taken', 'last_name' => self::name()]);
    self::$a->send();

    self::assertContains('we do not like it', array_column(self::letters(), 'reason'));
    self::assertCount(1, self::$peer->changes(self::$a->uid($id)));
  }

  public function test_letters_are_tried_again_and_thrown_away_on_the_screen(): void {
    $browser = new Browser(self::$a);
    if (!$browser->login()) {
      $this->skip('no login form known for this CMS, or no SITE_ADMIN_USER');
    }
    $changeId = self::poison();
    $id = array_column(self::letters(), 'id', 'change_id')[$changeId];

    $browser->page('civicrm/admin/share/letters');
    self::assertStringContainsString('unshared', $browser->html);
    self::assertStringNotContainsString('<i>O', $browser->html, 'what a peer has sent is no markup here');
    $browser->submit(["letter_$id" => '1'], '_qf_Letters_next_retry');
    self::assertNotContains($changeId, array_column(self::letters(), 'change_id'), 'it is back in the inbox');
    self::$a->process();
    $id = array_column(self::letters(), 'id', 'change_id')[$changeId] ?? NULL;
    self::assertNotNull($id, 'it has failed again');

    $browser->page('civicrm/admin/share/letters');
    $browser->submit(["letter_$id" => '1'], '_qf_Letters_next_discard');
    self::assertNotContains($changeId, array_column(self::letters(), 'change_id'));
    self::$a->process();
    self::assertNotContains($changeId, array_column(self::letters(), 'change_id'), 'for good');
  }

  public function test_a_change_that_waits_is_listed_with_what_it_waits_for(): void {
    self::$peer->ahead = 600000;
    $person = self::$peer->newPerson(['first_name' => 'Early', 'last_name' => self::name()]);
    self::$peer->ahead = 0;
    self::assertSame(202, self::$peer->post([$person])->status);
    self::$a->process();

    $waiting = self::$a->api4('ShareChange', 'getWaiting', ['where' => [['change_id', '=', $person['change_id']]]]);

    self::assertCount(1, $waiting);
    self::assertSame(self::$peering, (int) $waiting[0]['peering_id']);
    self::assertGreaterThan(date('Y-m-d H:i:s', time() + 300), $waiting[0]['next_date']);
  }

  public function test_a_full_inbox_asks_the_peer_to_come_back(): void {
    self::$a->request('Civi::settings()->set("civishare_inbox_limit", 1);');
    try {
      $people = [];
      for ($number = 0; $number < 3; $number++) {
        $people[] = self::$peer->newPerson(['first_name' => "No. $number", 'last_name' => self::name()]);
      }
      self::assertSame(202, self::$peer->post($people)->status, 'what fits in at the moment');

      $refused = self::$peer->post([self::$peer->newPerson(['first_name' => 'Late', 'last_name' => self::name()])]);
      self::assertSame(503, $refused->status);
      self::assertGreaterThan(0, (int) $refused->headers['retry-after']);

      self::$a->process();
    }
    finally {
      self::$a->request('Civi::settings()->set("civishare_inbox_limit", 100000);');
    }
    self::assertSame(202, self::$peer->post([self::$peer->newPerson(['first_name' => 'Late', 'last_name' => self::name()])])->status, 'later');
  }

  public function test_a_peer_that_is_busy_is_left_alone_for_as_long_as_it_says(): void {
    self::$a->send();
    self::$peer->clear();
    self::$peer->answer(['status' => 429, 'headers' => ['Retry-After' => '3600']]);
    self::$a->create(['first_name' => 'Patient', 'last_name' => self::name()]);
    self::$a->send();
    self::$a->send();
    self::$peer->answer('accept');

    self::assertCount(1, self::$peer->requests());
    $next = self::$a->store()['peerings'][self::$peering]['next_attempt'] / 1000 - time();
    self::assertGreaterThan(3500, $next);
    self::assertLessThan(3700, $next);
    self::$a->api4('ShareNodePeering', 'resume', ['where' => [['id', '=', self::$peering]]]);
    self::$a->send();
    self::assertCount(2, self::$peer->requests(), 'a person may be quicker');
  }

  public function test_what_is_ahead_of_the_clock_holds_up_only_itself(): void {
    $person = self::$peer->newPerson(['first_name' => 'Here', 'last_name' => self::name()]);
    self::$peer->post([$person]);
    self::$a->process();
    self::$peer->ahead = 600000;
    $early = self::$peer->change($person['entity_uid'], ['first_name' => 'Early']);
    self::$peer->ahead = 0;
    self::$peer->post([$early]);
    self::$a->process();

    self::$peer->post([self::$peer->change($person['entity_uid'], ['job_title' => 'In time'])]);
    self::$a->process();

    $found = self::$a->get('Contact', [['last_name', '=', $person['attribute_changes'][1]['to']]], ['first_name', 'job_title']);
    self::assertSame([['first_name' => 'Here', 'job_title' => 'In time']], array_map(fn(array $one): array => array_diff_key($one, ['id' => 0]), $found));
    self::assertCount(1, self::$a->api4('ShareChange', 'getWaiting', ['where' => [['change_id', '=', $early['change_id']]]]));
  }

}

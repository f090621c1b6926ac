<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * The conflict rules of a peering. Under "ask" a conflict is put aside for a person, and holds up nothing else.
 */
final class ConflictTest extends EndToEndTest {

  public static function setUpBeforeClass(): void {
    parent::setUpBeforeClass();
    Network::settle([self::$a, self::$b]);
    self::rule(self::$a, 'ask');
  }

  public static function tearDownAfterClass(): void {
    self::rule(self::$a, 'latest');
    self::rule(self::$b, 'latest');
  }

  private static function rule(Site $site, string $rule): void {
    $site->api4('ShareNodePeering', 'update', ['where' => [['endpoint_url', '=', ($site === self::$a ? self::$b : self::$a)->endpoint]], 'values' => ['conflict_rule' => $rule]]);
    $site->refresh();
  }

  /**
   * A person of whom both sites have changed the same attribute.
   *
   * @return array
   *   [ID on A, ID on B, the conflict on A]
   */
  private static function conflict(string $ours, string $theirs): array {
    [$id, $there] = self::sharedPerson(['first_name' => 'Before']);
    self::$a->update($id, ['first_name' => $ours]);
    self::$b->update($there, ['first_name' => $theirs, 'nick_name' => 'No conflict']);
    self::deliver(self::$b, self::$a);
    $open = self::open($id);
    self::assertCount(1, $open);
    return [$id, $there, $open[0]];
  }

  private static function open(int $id, ?Site $site = NULL): array {
    return ($site ?? self::$a)->api4('ShareConflict', 'get', ['where' => [['entity_type', '=', 'Contact'], ['entity_id', '=', $id]]]);
  }

  private static function resolve(array $conflict, array $params): void {
    self::$a->api4('ShareConflict', 'resolve', ['where' => [['id', '=', $conflict['id']]]] + $params);
  }

  public function test_a_conflict_is_put_aside_and_holds_up_nothing_else(): void {
    [$id, , $conflict] = self::conflict('Ours', 'Theirs');

    self::assertContact(['first_name' => 'Ours', 'nick_name' => 'No conflict'], self::$a, $id);
    self::assertSame(['first_name', 'Ours', 'Theirs'], [$conflict['attribute'], $conflict['ours'], $conflict['theirs']]);
    $status = self::$a->systemStatus();
    self::assertArrayHasKey('civishare_conflicts', $status);
    self::resolve($conflict, ['resolution' => 'ours']);
  }

  /**
   * Both sites change an attribute of one person under the rules $here and $there; who writes last is told by $last.
   *
   * @return string[]
   *   What each has in the end.
   */
  private static function settled(string $here, string $there, Site $last): array {
    self::rule(self::$a, $here);
    self::rule(self::$b, $there);
    try {
      [$a, $b] = self::sharedPerson(['first_name' => 'Before']);
      $writes = [[self::$a, $a, 'On A'], [self::$b, $b, 'On B']];
      foreach ($last === self::$a ? array_reverse($writes) : $writes as [$site, $id, $value]) {
        $site->update($id, ['first_name' => $value]);
        usleep(5000);
      }
      Network::settle([self::$a, self::$b]);
      return [self::$a->contact($a, ['first_name'])['first_name'], self::$b->contact($b, ['first_name'])['first_name']];
    }
    finally {
      self::rule(self::$a, 'ask');
      self::rule(self::$b, 'latest');
    }
  }

  public function test_the_latest_value_wins_on_both(): void {
    self::assertSame(['On B', 'On B'], self::settled('latest', 'latest', self::$b));
    self::assertSame(['On A', 'On A'], self::settled('latest', 'latest', self::$a));
  }

  public function test_under_ours_the_own_value_wins_on_both_whoever_wrote_last(): void {
    self::assertSame(['On A', 'On A'], self::settled('ours', 'latest', self::$b));
    self::assertSame(['On A', 'On A'], self::settled('ours', 'theirs', self::$a));
  }

  public function test_under_theirs_the_peer_s_value_wins_on_both_whoever_wrote_last(): void {
    self::assertSame(['On B', 'On B'], self::settled('theirs', 'latest', self::$a));
    self::assertSame(['On B', 'On B'], self::settled('theirs', 'ours', self::$b));
  }

  public function test_our_value_stays_and_is_told(): void {
    [$id, $there, $conflict] = self::conflict('Ours', 'Theirs');

    self::resolve($conflict, ['resolution' => 'ours']);
    Network::settle([self::$a, self::$b]);

    self::assertSame([], self::open($id));
    self::assertContact(['first_name' => 'Ours'], self::$a, $id);
    self::assertContact(['first_name' => 'Ours'], self::$b, $there);
  }

  public function test_their_value_is_taken(): void {
    [$id, $there, $conflict] = self::conflict('Ours', 'Theirs');

    self::resolve($conflict, ['resolution' => 'theirs']);
    Network::settle([self::$a, self::$b]);

    self::assertContact(['first_name' => 'Theirs'], self::$a, $id);
    self::assertContact(['first_name' => 'Theirs'], self::$b, $there);
    self::assertStringContainsString('Theirs', self::$a->contact($id, ['email_greeting_display'])['email_greeting_display'], 'greetings follow');
    self::$b->update($there, ['first_name' => 'Later']);
    self::deliver(self::$b, self::$a);
    self::assertContact(['first_name' => 'Later'], self::$a, $id, 'an edit over there afterwards is no conflict');
    self::assertSame([], self::open($id));
  }

  public function test_a_third_value_is_written_on_both(): void {
    [$id, $there, $conflict] = self::conflict('Ours', 'Theirs');

    self::resolve($conflict, ['resolution' => 'value', 'value' => 'Both <of us>']);
    Network::settle([self::$a, self::$b]);

    self::assertContact(['first_name' => 'Both <of us>'], self::$a, $id);
    self::assertContact(['first_name' => 'Both <of us>'], self::$b, $there);
  }

  public function test_a_decision_is_no_conflict_on_a_site_that_asks_too(): void {
    self::rule(self::$b, 'ask');
    try {
      [$id, $there, $conflict] = self::conflict('Ours', 'Theirs');
      self::deliver(self::$a, self::$b);
      self::assertCount(1, self::open($there, self::$b), 'over there it is one as well');

      self::resolve($conflict, ['resolution' => 'value', 'value' => 'Agreed']);
      Network::settle([self::$a, self::$b]);

      self::assertContact(['first_name' => 'Agreed'], self::$b, $there);
      self::assertSame([], self::open($id));
      self::assertSame([], self::open($there, self::$b), 'decided once for both');
    }
    finally {
      self::rule(self::$b, 'latest');
    }
  }

  public function test_a_later_value_of_the_peer_takes_the_place_of_the_earlier(): void {
    [$id, $there] = self::conflict('Ours', 'Theirs');

    self::$b->update($there, ['first_name' => 'Their second']);
    self::deliver(self::$b, self::$a);

    self::assertSame(['Their second'], array_column(self::open($id), 'theirs'));
    self::resolve(self::open($id)[0], ['resolution' => 'theirs']);
    self::assertContact(['first_name' => 'Their second'], self::$a, $id);
  }

  public function test_what_can_not_be_is_refused_in_words(): void {
    [$id, , $conflict] = self::conflict('Ours', 'Theirs');
    foreach ([['resolution' => 'both'], ['resolution' => 'value', 'value' => ['a', 'list']]] as $params) {
      try {
        self::resolve($conflict, $params);
        self::fail('taken: ' . json_encode($params));
      }
      catch (SiteError $e) {
        self::assertStringNotContainsString('SQL', $e->getMessage());
      }
    }
    self::assertCount(1, self::open($id));
    self::resolve($conflict, ['resolution' => 'ours']);
  }

  public function test_a_conflict_goes_with_its_contact(): void {
    [$id] = self::conflict('Ours', 'Theirs');

    self::$a->api3('Contact', 'delete', ['id' => $id, 'skip_undelete' => 1]);
    self::$a->process();

    self::assertSame([], self::open($id));
    self::assertArrayNotHasKey('civishare_conflicts', self::$a->systemStatus());
  }

  public function test_a_person_decides_on_the_screen(): void {
    [$id, $there, $conflict] = self::conflict('Our <b>name</b>', "Their 'name'");
    $browser = new Browser(self::$a);
    if (!$browser->login()) {
      $this->skip('no login form known for this CMS, or no SITE_ADMIN_USER');
    }

    $browser->page('civicrm/admin/share/conflicts');
    self::assertStringContainsString('Our &lt;b&gt;name&lt;/b&gt;', $browser->html);
    self::assertStringNotContainsString('Our <b>name', $browser->html);
    $browser->submit(["how_$conflict[id]" => 'theirs'], '_qf_Conflicts_next');
    Network::settle([self::$a, self::$b]);

    self::assertContact(['first_name' => "Their 'name'"], self::$a, $id);
    self::assertSame([], self::open($id));
  }

}

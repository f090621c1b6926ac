<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * Everything once more: asked for by a person, by a peer, or because store and database no longer belong together.
 */
final class ResyncTest extends EndToEndTest {

  protected function setUp(): void {
    Network::settle([self::$a, self::$b]);
  }

  private static function peering(Site $site, Site $other): int {
    return (int) $site->value("SELECT p.id FROM civicrm_share_node_peering p INNER JOIN civicrm_share_node n ON n.id = p.remote_node_id WHERE n.identifier = '$other->identifier'");
  }

  private static function fact(Site $site, string $name): ?string {
    return $site->value("SELECT value FROM civicrm_share_instance WHERE name = '$name'");
  }

  /**
   * Runs the jobs until no resynchronisation is under way and nobody has anything left to tell.
   */
  private static function finish(): void {
    for ($round = 0; $round < 12; $round++) {
      foreach ([self::$a, self::$b] as $site) {
        $site->process();
        $site->send();
      }
      $open = 0;
      foreach ([self::$a, self::$b] as $site) {
        $open += (int) $site->value("SELECT COUNT(*) FROM civicrm_share_instance WHERE name LIKE 'resync:%'");
        // Lines that begin anew are tried again at once, not after a minute.
        $site->request('foreach (\Civi\Share\Peering::enabled() as $id => $peering) { \Civi\Share\Native::store()->resume($id); }');
      }
      if ($open === 0 && $round > 1) {
        break;
      }
    }
    self::assertSame(0, $open, 'a resynchronisation does not end');
    Network::settle([self::$a, self::$b]);
  }

  /**
   * People on both sites with an edit of which the other site has lost the news.
   */
  private static function lostOutbox(int $number): array {
    $pairs = [];
    for ($count = 0; $count < $number; $count++) {
      $pairs[] = self::sharedPerson(['nick_name' => 'Before']);
    }
    foreach ($pairs as [$id]) {
      self::$a->update($id, ['nick_name' => 'After']);
    }
    self::$a->request('
      \Civi\Share\Settle\Settler::publishLeftovers();
      foreach (\Civi\Share\Peering::enabled() as $id => $peering) { \Civi\Share\Native::store()->begin($id); }');
    return $pairs;
  }

  public function test_a_person_has_everything_told_once_more(): void {
    $pairs = self::lostOutbox(2);
    self::deliver(self::$a, self::$b);
    self::assertContact(['nick_name' => 'Before'], self::$b, $pairs[0][1], 'the news is lost');
    $deleted = self::sharedPerson();
    self::$a->api3('Contact', 'delete', ['id' => $deleted[0], 'skip_undelete' => 1]);
    self::$a->request('
      \Civi\Share\Settle\Settler::forLocalEdits()->leftBehind();
      \Civi\Share\Settle\Settler::publishLeftovers();
      foreach (\Civi\Share\Peering::enabled() as $id => $peering) { \Civi\Share\Native::store()->begin($id); }');

    self::$a->api4('ShareNodePeering', 'resync', ['where' => [['id', '=', self::peering(self::$a, self::$b)]]]);
    self::finish();

    foreach ($pairs as [, $there]) {
      self::assertContact(['nick_name' => 'After'], self::$b, $there);
    }
    self::assertNull(self::$b->contact($deleted[1]), 'the tombstone too');
  }

  public function test_a_second_resynchronisation_changes_nothing(): void {
    [, $there] = self::sharedPerson();
    $modified = self::$b->value("SELECT modified_date FROM civicrm_contact WHERE id = $there");
    sleep(1);

    self::$a->api4('ShareNodePeering', 'resync', ['where' => [['id', '=', self::peering(self::$a, self::$b)]]]);
    self::finish();

    self::assertSame($modified, self::$b->value("SELECT modified_date FROM civicrm_contact WHERE id = $there"));
  }

  public function test_the_latest_wins_in_a_resynchronisation_whatever_the_rule(): void {
    $pairs = self::lostOutbox(1);
    self::$b->api4('ShareNodePeering', 'update', ['where' => [['id', '=', self::peering(self::$b, self::$a)]], 'values' => ['conflict_rule' => 'ask']]);
    try {
      self::$a->api4('ShareNodePeering', 'resync', ['where' => [['id', '=', self::peering(self::$a, self::$b)]]]);
      self::finish();
      self::assertContact(['nick_name' => 'After'], self::$b, $pairs[0][1]);
    }
    finally {
      self::$b->api4('ShareNodePeering', 'update', ['where' => [['id', '=', self::peering(self::$b, self::$a)]], 'values' => ['conflict_rule' => 'latest']]);
    }
  }

  public function test_the_button_and_its_progress(): void {
    $browser = new Browser(self::$a);
    if (!$browser->login()) {
      $this->skip('no login form known for this CMS, or no SITE_ADMIN_USER');
    }
    $browser->page('civicrm/admin/share/peering/resync', 'reset=1&id=' . self::peering(self::$a, self::$b));
    $browser->submit([], '_qf_PeeringResync_next');
    $browser->page('civicrm/admin/share/peerings');
    self::assertStringContainsString('Resynchronising: 0 of', $browser->html);
    self::finish();
    $browser->page('civicrm/admin/share/peerings');
    self::assertStringNotContainsString('Resynchronising: 0 of', $browser->html);
  }

  public function test_a_deleted_store_is_made_good_from_both_sides(): void {
    [$id, $there] = self::sharedPerson(['nick_name' => 'Before']);
    $instance = self::fact(self::$a, 'instance');
    self::$b->update($there, ['nick_name' => 'Theirs']);
    self::$b->send();
    self::$a->update($id, ['job_title' => 'Ours']);
    self::assertGreaterThan(0, self::$a->store()['inbox'], 'a change is in the store that is about to be lost');
    self::$a->refresh();
    self::$a->request('array_map("unlink", glob(\Civi\Share\StorePath::get() . "*"));');

    self::finish();

    self::assertContact(['nick_name' => 'Theirs', 'job_title' => 'Ours'], self::$a, $id, 'here');
    self::assertContact(['nick_name' => 'Theirs', 'job_title' => 'Ours'], self::$b, $there, 'there');
    self::assertNotSame($instance, self::fact(self::$a, 'instance'));
    self::assertStringContainsString('deleted or exchanged', self::$a->systemStatus()['civishare_anew']['message']);
    self::$a->update($id, ['nick_name' => 'And on']);
    self::deliver(self::$a, self::$b);
    self::assertContact(['nick_name' => 'And on'], self::$b, $there, 'an edit afterwards');
  }

  public function test_a_database_from_before_its_first_store_asks_for_what_was_lost_with_the_store(): void {
    [$id, $there] = self::sharedPerson(['nick_name' => 'Before']);
    self::$b->update($there, ['nick_name' => 'Theirs']);
    self::$b->send();
    self::assertGreaterThan(0, self::$a->store()['inbox'], 'a change is in the store that is about to be lost');
    self::$a->refresh();
    self::$a->request('
      array_map("unlink", glob(\Civi\Share\StorePath::get() . "*"));
      \Civi\Share\Instance::note("store", NULL);');

    self::finish();

    self::assertContact(['nick_name' => 'Theirs'], self::$a, $id);
    self::$a->update($id, ['nick_name' => 'And on']);
    self::deliver(self::$a, self::$b);
    self::assertContact(['nick_name' => 'And on'], self::$b, $there, 'an edit afterwards');
  }

  public function test_a_restored_database_gets_back_what_it_has_lost(): void {
    $this->needEnv(self::$a, 'SITE_DB_SOCKET', 'SITE_DB_NAME', 'SITE_DB_USER', 'SITE_DB_PASSWORD');
    [$id, $there] = self::sharedPerson(['nick_name' => 'Before']);
    Network::settle([self::$a, self::$b]);
    $dump = tempnam(sys_get_temp_dir(), 'civishare-dump');
    $login = sprintf('--socket=%s --user=%s --password=%s %s', ...array_map('escapeshellarg', [
      self::$a->env('SITE_DB_SOCKET'), self::$a->env('SITE_DB_USER'), self::$a->env('SITE_DB_PASSWORD'), self::$a->env('SITE_DB_NAME'),
    ]));
    // Only a root may restore triggers in another's name.
    exec("mysqldump --single-transaction --triggers --skip-lock-tables $login | sed -E 's/DEFINER=`[^`]+`@`[^`]+`//' > " . escapeshellarg($dump), $output, $status);
    self::assertSame(0, $status);
    $new = self::sharedPerson(['first_name' => 'New']);
    self::$a->update($id, ['nick_name' => 'Lost here']);
    self::deliver(self::$a, self::$b);
    self::$b->update($there, ['job_title' => 'Known there']);
    self::deliver(self::$b, self::$a);
    self::$a->refresh();

    exec("mysql $login < " . escapeshellarg($dump), $output, $status);
    unlink($dump);
    self::assertSame(0, $status);
    self::assertContact(['nick_name' => 'Before'], self::$a, $id, 'the backup is in place');
    self::finish();

    self::assertContact(['nick_name' => 'Lost here', 'job_title' => 'Known there'], self::$a, $id);
    self::assertContact(['first_name' => 'New'], self::$a, self::$a->counterpart(self::$b, $new[1]));
    self::assertContact(['nick_name' => 'Lost here', 'job_title' => 'Known there'], self::$b, $there);
    self::assertStringContainsString('restored', self::$a->systemStatus()['civishare_anew']['message']);
    self::$a->update($id, ['nick_name' => 'After all']);
    self::deliver(self::$a, self::$b);
    self::assertContact(['nick_name' => 'After all'], self::$b, $there, 'an edit afterwards');
  }

  public function test_a_clock_that_ran_ahead_is_mended(): void {
    [$id, $there] = self::sharedPerson(['nick_name' => 'Before']);
    $ahead = 1000 * (time() + 3 * 3600);
    self::$a->request('
      $dao = CRM_Core_DAO::executeQuery("SELECT state FROM civicrm_share_entity WHERE entity_type = \'Contact\' AND entity_id = $id");
      $dao->fetch();
      $state = json_decode($dao->state, TRUE);
      $state["v"]["nick_name"] = "$ahead.0@$node";
      CRM_Core_DAO::executeQuery("UPDATE civicrm_share_entity SET state = %1 WHERE entity_type = \'Contact\' AND entity_id = $id", [1 => [json_encode($state), "String"]]);
      CRM_Core_DAO::executeQuery("UPDATE civicrm_contact SET nick_name = \'From the future\' WHERE id = $id");
      CRM_Core_DAO::executeQuery("DELETE FROM civicrm_share_journal");
      \Civi\Share\Instance::note("clock", (string) $ahead);', ['id' => $id, 'ahead' => $ahead, 'node' => self::$a->identifier]);

    self::finish();

    self::assertContact(['nick_name' => 'From the future'], self::$b, $there);
    self::$b->update($there, ['nick_name' => 'Of today']);
    self::deliver(self::$b, self::$a);
    self::assertContact(['nick_name' => 'Of today'], self::$a, $id, 'a later edit wins again');
    self::assertStringContainsString('clock', self::$a->systemStatus()['civishare_anew']['message']);
  }

  public function test_a_copy_sends_and_applies_nothing_until_a_person_has_said_what_it_is(): void {
    [$id, $there] = self::sharedPerson(['nick_name' => 'Before']);
    self::$b->update($there, ['job_title' => 'Waits']);
    self::$b->send();
    $move = function (): void {
      self::$a->request('
        $places = \Civi\Share\Site\Place::known();
        $places[0]["url"] = "www.original.example.org";
        \Civi\Share\Site\Place::accept([$places[0]]);');
      self::$a->refresh();
    };
    $move();
    self::$a->update($id, ['nick_name' => 'By the copy']);

    self::assertStringContainsString('not where it was', json_encode(self::$a->process()));
    self::assertStringContainsString('not where it was', json_encode(self::$a->send()));
    self::$b->process();
    self::assertContact(['nick_name' => 'Before'], self::$b, $there, 'nothing was sent');
    self::assertContact(['job_title' => NULL], self::$a, $id, 'nothing was applied');
    self::assertStringContainsString('Say what it is', self::$a->systemStatus()['civishare_place']['message']);
    self::$b->update($there, ['source' => 'Refused']);
    self::$b->send();
    self::assertSame(503, self::$b->store()['peerings'][self::peering(self::$b, self::$a)]['last_status'], 'nothing is taken');

    $browser = new Browser(self::$a);
    if ($browser->login()) {
      $browser->page('civicrm/admin/share/site');
      self::assertStringContainsString('www.original.example.org', $browser->html);
      $browser->submit(['what' => 'moved'], '_qf_Site_next');
    }
    else {
      self::$a->api4('ShareNode', 'declareSite', ['what' => 'moved']);
    }
    self::assertArrayNotHasKey('civishare_place', self::$a->systemStatus());
    self::finish();
    self::assertContact(['nick_name' => 'By the copy', 'job_title' => 'Waits', 'source' => 'Refused'], self::$a, $id, 'moved: it goes on');
    self::assertContact(['nick_name' => 'By the copy'], self::$b, $there);

    $move();
    self::$a->process();
    self::$a->api4('ShareNode', 'declareSite', ['what' => 'same']);
    self::assertCount(2, self::$a->ask('return \Civi\Share\Site\Place::known();'));
    self::assertStringNotContainsString('not where it was', json_encode(self::$a->process()));

    $move();
    self::$a->process();
    self::$a->api4('ShareNode', 'declareSite', ['what' => 'copy']);
    self::$a->refresh();
    self::assertSame([], self::$a->get('ShareNodePeering', []), 'no peerings, no secrets');
    self::assertStringContainsString('no local node', json_encode(self::$a->send()));
  }

}

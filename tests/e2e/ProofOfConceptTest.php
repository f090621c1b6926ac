<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * What the proof of concept taught (design brief): each of its mistakes is a test here.
 */
final class ProofOfConceptTest extends EndToEndTest {

  private static Peer $peer;

  private static int $peering;

  public static function setUpBeforeClass(): void {
    parent::setUpBeforeClass();
    self::$peer = new Peer('https://poc.e2e.example.org', self::$a);
    self::$peering = Network::peer(self::$a, self::$peer->identifier, self::$peer->url, self::$peer->secret);
    Network::settle([self::$a, self::$b]);
  }

  public static function tearDownAfterClass(): void {
    Network::unpeer(self::$a, self::$peer->identifier);
    self::$peer->stop();
  }

  protected function setUp(): void {
    self::$peer->answer('accept');
    self::resume();
    self::$a->send();
    self::$peer->clear();
  }

  private static function resume(): void {
    self::$a->api4('ShareNodePeering', 'resume', ['where' => [['id', '=', self::$peering]]]);
  }

  public function test_the_hooks_cost_one_query_in_the_save_and_few_at_the_end(): void {
    $id = self::$a->create(['first_name' => 'Queries', 'last_name' => self::name()]);

    $questions = self::$a->request('
      $count = function () {
        return (int) CRM_Core_DAO::executeQuery("SHOW SESSION STATUS LIKE \'Questions\'")->fetchAll()[0]["Value"];
      };
      civicrm_api4("Contact", "update", ["where" => [["id", "=", $id]], "values" => ["nick_name" => "warm"]]);
      \Civi\Share\Detect\Detector::flush();
      $before = $count();
      $own = $count() - $before;
      $before = $count();
      $params = ["id" => $id, "nick_name" => "x"];
      CRM_Utils_Hook::pre("edit", "Individual", $id, $params);
      $hook = $count() - $before - $own;
      CRM_Core_DAO::executeQuery("UPDATE civicrm_contact SET nick_name = \'x\' WHERE id = $id");
      $before = $count();
      \Civi\Share\Detect\Detector::flush();
      return [$hook, $count() - $before - $own];', ['id' => $id]);

    self::assertSame(1, $questions[0], 'in the save');
    self::assertLessThanOrEqual(8, $questions[1], 'at the end of the request');
  }

  public function test_fifty_changes_go_in_one_request(): void {
    self::$a->request('
      for ($number = 1; $number <= 50; $number++) {
        civicrm_api3("Contact", "create", ["contact_type" => "Individual", "first_name" => "No. $number", "last_name" => $last]);
      }', ['last' => self::name('Batch')]);

    self::$a->send();

    $messages = array_filter(self::$peer->requests(), fn(array $request): bool => json_decode($request['body'], TRUE)['payload']['service'] === 'changes');
    self::assertCount(1, $messages);
    self::assertCount(50, self::$peer->changes());
  }

  public function test_swapped_first_and_last_name_arrive(): void {
    [$id, $there] = self::sharedPerson(['first_name' => 'Otto', 'last_name' => $last = self::name('Karl')]);

    self::$a->update($id, ['first_name' => $last, 'last_name' => 'Otto']);
    self::deliver(self::$a, self::$b);

    self::assertContact(['first_name' => $last, 'last_name' => 'Otto'], self::$b, $there);
  }

  public function test_a_second_flag_set_to_true_arrives(): void {
    [$id, $there] = self::sharedPerson(['do_not_email' => TRUE]);

    self::$a->update($id, ['do_not_phone' => TRUE]);
    self::deliver(self::$a, self::$b);

    self::assertContact(['do_not_email' => TRUE, 'do_not_phone' => TRUE, 'do_not_mail' => FALSE], self::$b, $there);
  }

  public function test_an_ordinary_user_s_save_does_not_fail(): void {
    [$id, $there] = self::sharedPerson();

    $said = self::$a->request('
      $config = CRM_Core_Config::singleton();
      $config->userPermissionClass = new CRM_Core_Permission_UnitTests();
      $config->userPermissionClass->permissions = ["access CiviCRM", "view all contacts", "edit all contacts"];
      try {
        civicrm_api4("ShareNodePeering", "get", ["checkPermissions" => TRUE]);
        return "may see peerings";
      }
      catch (\Exception $e) {
        return civicrm_api4("Contact", "update", ["checkPermissions" => TRUE, "where" => [["id", "=", $id]], "values" => ["first_name" => "Usual"]])->count();
      }', ['id' => $id]);
    self::deliver(self::$a, self::$b);

    self::assertSame(1, $said);
    self::assertContact(['first_name' => 'Usual'], self::$b, $there);
  }

  public function test_a_stranger_with_the_same_first_name_is_not_overwritten(): void {
    $rule = ['match' => ['first_name', 'last_name', 'birth_date']];
    self::$a->api4('ShareNodePeering', 'update', ['where' => [['id', '=', self::$peering]], 'values' => ['options' => $rule]]);
    $name = self::name('Same');
    $stranger = self::$a->create(['first_name' => $name, 'last_name' => 'Stranger', 'birth_date' => '1950-01-01', 'nick_name' => 'Strange']);
    $uid = Message::uuid();

    // The rule has three attributes, the message only two of them.
    self::$peer->post([self::$peer->newPerson(['first_name' => $name, 'last_name' => 'Stranger', 'nick_name' => 'Overwritten'], $uid)]);
    self::$a->process();
    $second = Message::uuid();
    self::$peer->post([self::$peer->newPerson(['first_name' => $name, 'nick_name' => 'Overwritten too'], $second)]);
    self::$a->process();
    $third = Message::uuid();
    self::$peer->post([self::$peer->newPerson(['first_name' => $name, 'last_name' => 'Stranger', 'birth_date' => '1950-01-01', 'job_title' => 'Found'], $third)]);
    self::$a->process();
    self::$a->api4('ShareNodePeering', 'update', ['where' => [['id', '=', self::$peering]], 'values' => ['options' => []]]);

    self::assertNotNull(self::$a->byUid($uid));
    self::assertNotSame($stranger, self::$a->byUid($uid), 'two of three');
    self::assertNotSame($stranger, self::$a->byUid($second), 'one of three');
    self::assertSame($stranger, self::$a->byUid($third), 'all three');
    self::assertContact(['nick_name' => 'Strange', 'job_title' => 'Found', 'last_name' => 'Stranger'], self::$a, $stranger);
  }

  public function test_two_that_match_are_left_to_a_person(): void {
    self::$a->api4('ShareNodePeering', 'update', ['where' => [['id', '=', self::$peering]], 'values' => ['options' => ['match' => ['first_name', 'last_name']]]]);
    $name = self::name('Twin');
    $twins = [self::$a->create(['first_name' => 'T', 'last_name' => $name, 'nick_name' => 'one']), self::$a->create(['first_name' => 'T', 'last_name' => $name, 'nick_name' => 'two'])];
    $uid = Message::uuid();

    self::$peer->post([self::$peer->newPerson(['first_name' => 'T', 'last_name' => $name, 'nick_name' => 'three'], $uid)]);
    self::$a->process();
    self::$a->api4('ShareNodePeering', 'update', ['where' => [['id', '=', self::$peering]], 'values' => ['options' => []]]);

    self::assertNull(self::$a->byUid($uid));
    self::assertContact(['nick_name' => 'one'], self::$a, $twins[0]);
    self::assertContact(['nick_name' => 'two'], self::$a, $twins[1]);
  }

  public function test_a_message_can_not_set_an_api_key(): void {
    $uid = Message::uuid();
    self::$peer->post([self::$peer->newPerson(['first_name' => 'Key', 'last_name' => self::name()], $uid)]);
    self::$a->process();

    self::$peer->post([self::$peer->change($uid, ['api_key' => 'let-me-in', 'hash' => 'abc', 'nick_name' => 'beside'])]);
    self::$a->process();

    $row = self::$a->sql('SELECT api_key, hash FROM civicrm_contact WHERE id = ' . self::$a->byUid($uid))[0];
    self::assertNotSame('let-me-in', $row['api_key']);
    self::assertNotSame('abc', $row['hash']);
  }

  public function test_nobody_speaks_as_a_node_without_its_secret(): void {
    $change = self::$peer->newPerson(['first_name' => 'Forged', 'last_name' => $last = self::name()]);
    self::assertSame(401, self::$peer->post([$change], [], ['headers' => ['webhook-signature' => NULL]])->status);

    // No action of the API takes a message, whatever the user may do.
    $actions = self::$a->ask('
      $result = [];
      foreach (["ShareNode", "ShareNodePeering", "ShareChange"] as $entity) {
        foreach (civicrm_api4($entity, "getActions", ["checkPermissions" => FALSE]) as $action) {
          $result[] = $action["name"];
        }
      }
      return array_values(array_unique($result));');
    self::assertSame([], array_intersect($actions, ['receive', 'process', 'processMessage', 'send', 'sendMessage', 'apply', 'import']));
    self::$a->process();
    self::assertSame([], self::$a->get('Contact', [['last_name', '=', $last]], ['id']));
  }

  public function test_a_replay_is_not_applied_again(): void {
    $uid = Message::uuid();
    $id = Message::uuid();
    self::$peer->post([self::$peer->newPerson(['first_name' => 'First', 'last_name' => self::name()], $uid)]);
    $changes = [self::$peer->change($uid, ['first_name' => 'Second'])];
    $seq = self::$peer->seq + 1;
    self::$peer->post($changes, [], ['id' => $id]);
    self::$a->process();
    $contact = self::$a->byUid($uid);
    self::$a->update($contact, ['first_name' => 'Third']);

    self::$peer->post($changes, ['seq' => $seq], ['id' => $id]);
    self::$peer->post($changes);
    self::$a->process();

    self::assertContact(['first_name' => 'Third'], self::$a, $contact);
  }

  public function test_an_applied_change_is_not_recorded_as_a_new_one(): void {
    [$id, $there] = self::sharedPerson();
    $before = self::$b->store()['outbox'];

    self::$a->update($id, ['first_name' => 'Applied']);
    self::deliver(self::$a, self::$b);

    self::assertContact(['first_name' => 'Applied'], self::$b, $there);
    self::assertSame(0, self::$b->journal());
    self::assertSame($before, self::$b->store()['outbox']);
  }

  public function test_a_dead_peer_does_not_stop_the_run_and_misses_nothing(): void {
    $dead = new Peer('https://dead.e2e.example.org', self::$a);
    $peering = Network::peer(self::$a, $dead->identifier, 'http://127.0.0.1:' . Ports::free() . '/nobody', $dead->secret);
    $last = self::name();

    $id = self::$a->create(['first_name' => 'Spread', 'last_name' => $last]);
    $said = self::deliver(self::$a, self::$b);

    self::assertContact(['first_name' => 'Spread'], self::$b, self::$b->counterpart(self::$a, $id), 'the site that lives');
    self::assertNotEmpty(self::$peer->changes(self::$a->uid($id)), 'the peer that lives');
    $status = self::$a->store()['peerings'][$peering];
    self::assertSame(1, $status['backlog'], 'what went to some counts as done for them only');
    self::assertNotNull($status['failing_since']);
    self::assertStringContainsString('dead.e2e', $said);

    self::$a->api4('ShareNodePeering', 'update', ['where' => [['id', '=', $peering]], 'values' => ['endpoint_url' => $dead->url]]);
    self::$a->api4('ShareNodePeering', 'resume', ['where' => [['id', '=', $peering]]]);
    self::$peer->clear();
    self::$a->send();
    $arrived = $dead->changes(self::$a->uid($id));
    Network::unpeer(self::$a, $dead->identifier);
    $dead->stop();

    self::assertCount(1, $arrived, 'after it has come back');
    self::assertSame([], self::$peer->changes(self::$a->uid($id)), 'the others hear of it once');
  }

  public function test_a_change_that_a_peer_refuses_is_set_aside_with_its_reason_and_can_be_tried_again(): void {
    $id = self::$a->create(['first_name' => 'Poison', 'last_name' => self::name()]);
    $text = json_encode(['change_id' => 'x', 'index' => 0, 'reason' => 'attribute: first_name is not let in here']);
    self::$peer->answer(['status' => 202, 'members' => ['accepted' => 0, 'rejected' => [json_decode($text, TRUE)]]]);

    self::$a->send();
    $dead = self::$a->api4('ShareChange', 'get', ['where' => [['direction', '=', 'out'], ['peering_id', '=', self::$peering]]]);

    self::assertCount(1, $dead);
    self::assertStringContainsString('first_name is not let in here', $dead[0]['reason']);
    self::$peer->answer('accept');
    self::$peer->clear();
    self::$a->api4('ShareChange', 'retry', ['where' => [['id', '=', $dead[0]['id']]]]);
    self::resume();
    self::$a->send();
    self::assertCount(1, self::$peer->changes(self::$a->uid($id)));
    self::assertCount(0, self::$a->api4('ShareChange', 'get', ['where' => [['id', '=', $dead[0]['id']]]]));
  }

}

<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * No way in: one answer for all who are not let in, no secret anywhere, no message that reaches beyond its peering, no screen without its
 * permission, no form without its key.
 */
final class SecurityTest extends EndToEndTest {

  const FORMS = [
    'civicrm/admin/share/peering' => 'Peering',
    'civicrm/admin/share/peering/end' => 'PeeringEnd',
    'civicrm/admin/share/peering/resume' => 'PeeringResume',
    'civicrm/admin/share/peering/resync' => 'PeeringResync',
    'civicrm/admin/share/peering/secret' => 'PeeringSecret',
    'civicrm/admin/share/peering/delete' => 'PeeringDelete',
    'civicrm/admin/share/node' => 'Node',
    'civicrm/admin/share/node/delete' => 'NodeDelete',
    'civicrm/admin/share/site' => 'Site',
    'civicrm/admin/share/conflicts' => 'Conflicts',
    'civicrm/admin/share/letters' => 'Letters',
    'civicrm/admin/share/settings' => 'Settings',
  ];

  private static Peer $peer;

  private static int $peering;

  public static function setUpBeforeClass(): void {
    parent::setUpBeforeClass();
    Network::settle([self::$a, self::$b]);
    self::$peer = new Peer('https://security.e2e.example.org', self::$a);
    self::$peering = Network::peer(self::$a, self::$peer->identifier, self::$peer->url, self::$peer->secret, ['types_out' => []]);
  }

  public static function tearDownAfterClass(): void {
    Network::unpeer(self::$a, self::$peer->identifier);
    self::$peer->stop();
  }

  private static function good(): array {
    return [self::$peer->newPerson(['first_name' => 'Good', 'last_name' => self::name()])];
  }

  public function test_whoever_is_not_let_in_gets_the_same_answer(): void {
    $stranger = new Peer('https://stranger.e2e.example.org', self::$a);
    $other = 'whsec_' . base64_encode(random_bytes(32));
    $ways = [
      'an unknown sender' => fn() => $stranger->post(self::good()),
      'no sender' => fn() => self::$peer->post(self::good(), [], ['headers' => ['civishare-sender' => NULL]]),
      'a wrong signature' => fn() => self::$peer->post(self::good(), [], ['secret' => $other]),
      'a wrong payload signature' => fn() => self::$peer->post(self::good(), [], ['secret' => $other, 'header_secret' => self::$peer->secret]),
      'no signature' => fn() => self::$peer->post(self::good(), [], ['headers' => ['webhook-signature' => NULL]]),
      'a stale timestamp' => fn() => self::$peer->post(self::good(), [], ['time' => time() - 3600]),
      'a timestamp to come' => fn() => self::$peer->post(self::good(), [], ['time' => time() + 3600]),
      'a wrong recipient' => fn() => self::$peer->post(self::good(), ['recipient' => self::$b->identifier]),
      'the name of another node' => fn() => self::$peer->post(self::good(), ['sender' => self::$b->identifier]),
      'another service' => fn() => self::$peer->post(self::good(), ['service' => 'hello'], ['service' => 'hello', 'secret' => $other]),
    ];
    // What tells the time, or counts.
    $moving = array_flip(['date', 'expires', 'last-modified', 'set-cookie']);
    $answers = [];
    foreach ($ways as $what => $way) {
      $answer = $way();
      $answers[$what] = [$answer->status, array_diff_key($answer->headers, $moving), $answer->body];
    }
    $stranger->stop();

    $first = $answers['an unknown sender'];
    self::assertSame(401, $first[0]);
    foreach ($answers as $what => $answer) {
      self::assertSame($first, $answer, $what);
    }
  }

  public function test_strings_of_a_hostile_message_stay_strings(): void {
    $nasty = ["'; DROP TABLE civicrm_share_entity; -- ", '<script>alert(1)</script>', '" OR 1=1 -- ', "\\'; UPDATE civicrm_contact SET api_key = 'x'; -- "];
    $contacts = self::$a->value('SELECT COUNT(*) FROM civicrm_contact');
    foreach ($nasty as $text) {
      foreach (['entity_uid', 'entity_reference', 'type', 'entity', 'operation', 'change_id', 'timestamp', 'merged_uid', 'version'] as $member) {
        $answer = self::$peer->post([self::$peer->change(Message::uuid(), ['first_name' => 'x'], 'update', [$member => $text])]);
        self::assertContains($answer->status, [200, 202], "$member: $answer->body");
      }
      self::$peer->post([self::$peer->change(Message::uuid(), ['first_name' => 'x'], 'update', ['same_as' => [$text, $text]])]);
      self::$peer->post([self::$peer->newPerson(['first_name' => $text, 'gender_id:name' => $text, 'last_name' => self::name()], substr($text, 0, 30))]);
      self::$peer->post([self::$peer->change(Message::uuid(), ['first_name' => 'x'], 'create', ['identity' => ['external_identifier' => $text, $text => $text]])]);
    }

    self::$a->process();

    self::assertSame('0', self::$a->value("SELECT COUNT(*) FROM civicrm_contact WHERE api_key = 'x'"));
    self::assertLessThanOrEqual((int) $contacts + 2 * count($nasty), (int) self::$a->value('SELECT COUNT(*) FROM civicrm_contact'));
    self::assertNotNull(self::$a->value("SHOW TABLES LIKE 'civicrm_share_entity'"));
    $browser = new Browser(self::$a);
    if ($browser->login()) {
      foreach (['civicrm/admin/share/letters', 'civicrm/admin/share/peerings', 'civicrm/admin/share/conflicts'] as $path) {
        $browser->page($path);
        self::assertStringNotContainsString('<script>alert(1)', $browser->html, $path);
      }
    }
    foreach (self::$a->api4('ShareChange', 'get', ['where' => [['peering_id', '=', self::$peering]]]) as $letter) {
      self::$a->api4('ShareChange', 'discard', ['where' => [['id', '=', $letter['id']]]]);
    }
  }

  public function test_a_peer_reaches_no_contact_that_it_does_not_share(): void {
    [$id] = self::sharedPerson(['first_name' => 'Ours']);
    $uid = self::$a->uid($id);
    $mine = Message::uuid();
    self::$peer->post([self::$peer->newPerson(['first_name' => 'Mine', 'last_name' => self::name()], $mine)]);
    self::$a->process();
    self::$peer->post([self::$peer->change($uid, ['first_name' => 'Stolen'])]);
    self::$peer->post([self::$peer->change($uid, [], 'delete')]);
    self::$peer->post([self::$peer->change($uid, [], 'merge', ['merged_uid' => $mine])]);
    self::$peer->post([self::$peer->change($mine, [], 'merge', ['merged_uid' => $uid])]);
    self::$peer->post([self::$peer->change($mine, ['nick_name' => 'Through the back door'], 'update', ['same_as' => [$uid]])]);

    self::$a->process();

    self::assertContact(['first_name' => 'Ours', 'nick_name' => NULL, 'is_deleted' => FALSE], self::$a, $id);
    self::assertSame($id, self::$a->byUid($uid), 'the UID still names the same contact');
  }

  public function test_no_secret_is_in_a_log_an_exception_or_a_backtrace(): void {
    $secret = 'whsec_' . base64_encode(random_bytes(32));
    $id = self::$peering;
    $said = self::$a->request('
      Civi::settings()->set("debug_enabled", 1);
      Civi::settings()->set("backtrace", 1);
      ini_set("zend.exception_ignore_args", "0");
      $said = [];
      $tries = [
        function () use ($id, $secret) { civicrm_api4("ShareNodePeering", "update", ["checkPermissions" => FALSE, "where" => [["id", "=", $id]], "values" => ["secret" => $secret, "conflict_rule" => "nonsense"]]); },
        function () use ($id, $secret) { civicrm_api4("ShareNodePeering", "rotateSecret", ["checkPermissions" => FALSE, "where" => [["id", "=", $id]], "secret" => "$secret!"]); },
        function () use ($id, $secret) {
          civicrm_api4("ShareNodePeering", "rotateSecret", ["checkPermissions" => FALSE, "where" => [["id", "=", $id]], "secret" => $secret]);
          civicrm_api4("ShareNodePeering", "rotateSecret", ["checkPermissions" => FALSE, "where" => [["id", "=", $id]], "secret" => "\xff$secret"]);
        },
        function () use ($secret) { \Civi\Share\Secrets::check("$secret*"); },
        function () use ($secret) { \Civi\Share\Secrets::unseal("csx1:$secret"); },
        function () use ($id) {
          \Civi\Share\Peering::flush();
          $shape = \Civi\Share\Peering::byId($id)->forSend();
          \Civi\Share\Native::store()->send([["url" => NULL] + $shape]);
        },
        function () use ($id) {
          $shape = \Civi\Share\Peering::byId($id)->forReceive();
          $shape["secrets"][] = $shape["secrets"][0] . "*";
          \Civi\Share\Native::store()->receive(["service" => "changes", "headers" => [], "body" => ""], $shape);
        },
      ];
      foreach ($tries as $try) {
        try {
          $try();
          $said[] = "nothing was thrown";
        }
        catch (\Throwable $e) {
          \Civi::log()->error("E2e: " . $e->getMessage(), ["exception" => $e]);
          CRM_Core_Error::debug_var("e2e", CRM_Core_Error::formatTextException($e));
          $said[] = $e->getMessage() . "\n" . $e->getTraceAsString() . "\n" . CRM_Core_Error::formatTextException($e);
        }
      }
      Civi::settings()->set("debug_enabled", 0);
      Civi::settings()->set("backtrace", 0);
      return $said;', ['id' => $id, 'secret' => $secret]);
    self::$a->send();
    self::$a->api4('ShareNodePeering', 'update', ['where' => [['id', '=', $id]], 'values' => ['secret' => self::$peer->secret]]);

    self::assertCount(7, $said);
    $logs = self::$a->ask('
      $text = "";
      foreach (glob(CRM_Core_Config::singleton()->configAndLogDir . "CiviCRM*.log*") as $file) {
        $text .= file_get_contents($file);
      }
      return base64_encode($text);');
    $logs = base64_decode($logs);
    self::assertStringContainsString('E2e: ', $logs, 'something was logged');
    $web = self::$a->env('SITE_LOG');
    $logs .= $web !== NULL && is_file($web) ? file_get_contents($web) : '';
    foreach ([$secret, self::$peer->secret] as $one) {
      // Long enough to be no chance; shorter than what backtraces cut texts to.
      foreach ([substr($one, 0, 14), substr($one, 6, 12), substr($one, -12)] as $part) {
        self::assertStringNotContainsString($part, implode("\n", $said), 'in what was thrown');
        self::assertStringNotContainsString($part, $logs, 'in a log');
      }
    }
  }

  public function test_new_actions_need_the_permission(): void {
    $where = ['where' => [['id', '=', 0]]];
    $actions = [
      ['ShareNode', 'declareSite', ['what' => 'same']],
      ['ShareNodePeering', 'rotateSecret', $where],
      ['ShareNodePeering', 'resync', $where],
      ['ShareConflict', 'get', []],
      ['ShareConflict', 'resolve', $where + ['resolution' => 'ours']],
      ['ShareChange', 'getWaiting', []],
    ];
    foreach ($actions as [$entity, $action, $params]) {
      $call = fn(array $permissions) => self::$a->allows($permissions, $entity, $action, $params);
      self::assertStringContainsString('Unauthorized', $call(['access CiviCRM', 'edit all contacts', 'administer CiviCRM data']), "$entity.$action");
      self::assertSame('allowed', $call(['access CiviCRM', 'administer CiviShare']), "$entity.$action");
      $sees = in_array($action, ['get', 'getWaiting'], TRUE);
      self::assertSame($sees, $call(['access CiviCRM', 'access CiviShare change log']) === 'allowed', "$entity.$action: who may only look");
    }
  }

  public function test_no_screen_is_open_to_visitors(): void {
    foreach (array_keys(self::FORMS) as $path) {
      $browser = new Browser(self::$a);
      $browser->page($path, 'reset=1&id=' . self::$peering);
      self::assertStringNotContainsString('security.e2e', $browser->html, $path);
      self::assertStringNotContainsString('qfKey', $browser->html, "$path is shown to a visitor");
    }
  }

  public function test_no_form_works_without_its_key_and_no_link_changes_anything(): void {
    $browser = new Browser(self::$a);
    $browser->login() || $this->skip('no login form known for this CMS, or no SITE_ADMIN_USER');
    $everything = fn() => self::$a->sql("SELECT p.*, n.name, (SELECT COUNT(*) FROM civicrm_share_node) nodes,
      (SELECT GROUP_CONCAT(name, value) FROM civicrm_share_instance WHERE name LIKE 'resync:%') resync,
      (SELECT GROUP_CONCAT(name, value ORDER BY name) FROM civicrm_setting WHERE name LIKE 'civishare%') settings
      FROM civicrm_share_node_peering p INNER JOIN civicrm_share_node n ON n.id = p.remote_node_id WHERE p.id = " . self::$peering);
    $node = self::$a->value("SELECT remote_node_id FROM civicrm_share_node_peering WHERE id = " . self::$peering);
    $before = $everything();

    foreach (self::FORMS as $path => $form) {
      $query = 'reset=1&id=' . (strpos($path, '/node') ? $node : self::$peering);
      $browser->page($path, $query);
      self::assertSame($before, $everything(), "$path: opening it");
      $fields = [
        '_qf_default' => "$form:submit",
        "_qf_{$form}_next" => '1',
        "_qf_{$form}_submit" => '1',
        'name' => 'Forged',
        'identifier' => 'https://forged.example.org',
        'secret' => 'whsec_' . base64_encode(random_bytes(32)),
        'civishare_allow_http' => '1',
        'what' => 'copy',
      ];
      $browser->post($path, $query, $fields);
      self::assertSame($before, $everything(), "$path: sent without a key");
      $browser->post($path, $query, $fields + ['qfKey' => str_repeat('0', 32) . '_1234']);
      self::assertSame($before, $everything(), "$path: sent with a made-up key");
      $browser->page($path, $query . '&' . http_build_query($fields));
      self::assertSame($before, $everything(), "$path: by a link");
    }
  }

}

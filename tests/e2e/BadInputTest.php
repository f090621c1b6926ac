<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * What must not get in, at the endpoint of a real site: a clear answer each, nothing lost, nothing stored that should not be.
 */
final class BadInputTest extends EndToEndTest {

  const LET_IN = ['contact_type', 'first_name', 'last_name', 'nick_name', 'birth_date'];

  private static Peer $peer;

  private static Peer $simple;

  private static int $peering;

  public static function setUpBeforeClass(): void {
    parent::setUpBeforeClass();
    self::$peer = new Peer('https://stranger.e2e.example.org', self::$a);
    self::$peering = Network::peer(self::$a, self::$peer->identifier, self::$peer->url, self::$peer->secret, [
      'types_out' => [],
      'types_in' => [['type' => Site::CONTACT_BASE, 'attributes' => self::LET_IN]],
    ]);
    self::$simple = new Peer('https://simple.e2e.example.org', self::$a, 'a secret of the founding days');
    Network::peer(self::$a, self::$simple->identifier, self::$simple->url, self::$simple->secret, ['types_out' => [], 'is_simple' => TRUE]);
    Network::settle([self::$a, self::$b]);
  }

  public static function tearDownAfterClass(): void {
    foreach ([self::$peer, self::$simple] as $peer) {
      Network::unpeer(self::$a, $peer->identifier);
      $peer->stop();
    }
  }

  /**
   * @return int
   *   Changes in the inbox, whatever their state.
   */
  private static function inbox(): int {
    return self::$a->store()['inbox'];
  }

  /**
   * The request is refused with this status, and the inbox is as it was.
   */
  private static function assertRefused(int $status, callable $request): Answer {
    $before = self::inbox();
    $answer = $request();
    self::assertSame($status, $answer->status, $answer->body);
    self::assertSame($before, self::inbox(), 'something was stored');
    return $answer;
  }

  private static function assertSigned(Answer $answer, ?Peer $by = NULL): void {
    self::assertTrue($answer->isSignedWith(($by ?? self::$peer)->secret), "not signed: $answer->body");
    self::assertSame(self::$a->identifier, $answer->json()['sender']);
    self::assertSame(($by ?? self::$peer)->identifier, $answer->json()['recipient']);
  }

  /**
   * A good message is still taken, so the refusal broke nothing.
   */
  private static function assertLineGoesOn(): void {
    $answer = self::$peer->post([self::$peer->newPerson(['first_name' => 'Good', 'last_name' => self::name()])]);
    self::assertSame(202, $answer->status, $answer->body);
    self::assertSame(1, $answer->json()['accepted']);
  }

  private static function good(): array {
    return [self::$peer->newPerson(['first_name' => 'Bad', 'last_name' => self::name()])];
  }

  // ---- not JSON ----

  public function test_no_json_is_refused(): void {
    $answer = self::assertRefused(400, fn() => self::$peer->raw('first_name=Karl&last_name=Test'));

    self::assertSigned($answer);
    self::assertLineGoesOn();
  }

  public function test_an_empty_body_is_refused(): void {
    self::assertSigned(self::assertRefused(400, fn() => self::$peer->raw('')));
  }

  public function test_truncated_json_is_refused(): void {
    $answer = self::assertRefused(400, fn() => self::$peer->post(self::good(), [], ['body' => fn($body) => substr($body, 0, -20)]));

    self::assertSigned($answer);
    self::assertLineGoesOn();
  }

  public function test_json_of_10_000_levels_is_refused(): void {
    $deep = str_repeat('[', 10000) . str_repeat(']', 10000);

    self::assertRefused(400, fn() => self::$peer->raw($deep));
    $answer = self::assertRefused(400, fn() => self::$peer->post(self::good(), [], ['body' => fn($body) => substr($body, 0, -1) . ",\"more\":$deep}"]));

    self::assertSigned($answer);
    self::assertLineGoesOn();
  }

  public function test_json_of_33_levels_is_refused_and_a_stranger_s_member_of_20_is_not(): void {
    $nested = fn(int $levels) => ['more' => array_reduce(range(1, $levels), fn($inner) => [$inner], 1)];

    self::assertRefused(400, fn() => self::$peer->post(self::good(), $nested(33)));

    self::assertSame(202, self::$peer->post(self::good(), $nested(20))->status);
  }

  public function test_duplicate_member_names_are_refused(): void {
    foreach (['"seq":' => '"seq":1,"seq":', '"entity":' => '"operation":"delete","entity":', '"name":"first_name"' => '"name":"last_name","name":"first_name"'] as $from => $to) {
      self::assertSigned(self::assertRefused(400, fn() => self::$peer->post(self::good(), [], ['body' => fn($body) => preg_replace('/' . preg_quote($from) . '/', $to, $body, 1)])));
    }
    self::assertLineGoesOn();
  }

  public function test_bytes_that_are_not_utf_8_and_lone_surrogates_are_refused(): void {
    foreach (["B\xffd", "\xc0\xaf", "\xed\xa0\x80", '\ud800', "B\x00d"] as $bytes) {
      self::assertSigned(self::assertRefused(400, fn() => self::$peer->post(self::good(), [], ['body' => fn($body) => str_replace('"Bad"', "\"$bytes\"", $body)])));
    }
    self::assertLineGoesOn();
  }

  public function test_an_escaped_nul_byte_does_no_harm(): void {
    $last = self::name();
    $bad = self::$peer->newPerson(['first_name' => "Nul\0byte", 'nick_name' => 'Nul', 'last_name' => $last]);
    $good = self::$peer->newPerson(['first_name' => 'Beside', 'last_name' => $last]);

    $answer = self::$peer->post([$bad, $good]);
    self::$a->process();

    self::assertSame(202, $answer->status, $answer->body);
    self::assertCount(1, self::$a->get('Contact', [['last_name', '=', $last], ['first_name', '=', 'Beside']], ['id']));
    self::assertSame('0', self::$a->value("SELECT COUNT(*) FROM civicrm_contact WHERE last_name = '$last' AND INSTR(first_name, CHAR(0))"));
  }

  // ---- size ----

  public function test_100_mebibytes_are_refused(): void {
    $answer = self::assertRefused(413, fn() => self::$peer->raw(str_repeat('x', 100 << 20)));

    self::assertLessThan(10000, strlen($answer->body));
    self::assertLineGoesOn();
  }

  public function test_one_byte_more_than_8_mebibytes_is_refused(): void {
    self::assertRefused(413, fn() => self::$peer->raw(str_repeat(' ', (8 << 20) + 1)));
  }

  public function test_a_gzip_bomb_is_refused(): void {
    $bomb = gzencode(str_repeat("\0", 100 << 20), 9);
    self::assertLessThan(200000, strlen($bomb));

    self::assertRefused(413, fn() => self::$peer->raw('{}', NULL, ['encode' => fn() => $bomb, 'headers' => ['Content-Encoding' => 'gzip']]));
    self::assertLineGoesOn();
  }

  public function test_a_compressed_message_is_taken_and_a_damaged_one_is_not(): void {
    $gzip = ['headers' => ['Content-Encoding' => 'gzip']];

    self::assertRefused(400, fn() => self::$peer->post(self::good(), [], $gzip + ['encode' => fn($body) => substr(gzencode($body), 0, -9)]));

    self::assertSame(202, self::$peer->post(self::good(), [], $gzip + ['encode' => 'gzencode'])->status);
    self::assertSame(202, self::$peer->post(self::good(), [], $gzip)->status, 'decoded on the way by a proxy');
  }

  // ---- who, when, to whom ----

  public function test_a_wrong_or_missing_signature_is_refused(): void {
    $wrong = [
      'another secret' => ['secret' => 'whsec_' . base64_encode(random_bytes(32))],
      'another secret in the headers' => ['header_secret' => 'whsec_' . base64_encode(random_bytes(32))],
      'no signature' => ['headers' => ['webhook-signature' => NULL]],
      'an empty signature' => ['headers' => ['webhook-signature' => 'v1,']],
      'no time' => ['headers' => ['webhook-timestamp' => NULL]],
      'another id' => ['headers' => ['webhook-id' => Message::uuid()]],
      'no sender' => ['headers' => ['civishare-sender' => NULL]],
      'a changed byte' => ['encode' => fn($body) => str_replace('"Bad"', '"Bat"', $body)],
    ];
    foreach ($wrong as $what => $how) {
      $answer = self::assertRefused(401, fn() => self::$peer->post(self::good(), [], $how));
      self::assertArrayNotHasKey('webhook-signature', $answer->headers, $what);
    }
    self::assertLineGoesOn();
  }

  public function test_a_wrong_payload_signature_under_a_right_header_is_refused(): void {
    $other = fn($body) => preg_replace('/"payload_signature":"...../', '"payload_signature":"AAAAA', $body);

    self::assertRefused(401, fn() => self::$peer->post(self::good(), [], ['body' => $other]));
    self::assertRefused(401, fn() => self::$peer->post(self::good(), [], ['body' => fn($body) => str_replace('"Bad"', '"Bat"', $body)]));
    self::assertLineGoesOn();
  }

  public function test_a_secret_one_byte_off_is_refused(): void {
    $key = Message::key(self::$peer->secret);
    $key[31] = chr(ord($key[31]) ^ 1);

    self::assertRefused(401, fn() => self::$peer->post(self::good(), [], ['secret' => 'whsec_' . base64_encode($key)]));
    self::assertLineGoesOn();
  }

  public function test_a_stale_or_future_timestamp_is_refused(): void {
    foreach ([-301, -86400, 302, 86400] as $seconds) {
      self::assertRefused(401, fn() => self::$peer->post(self::good(), [], ['time' => time() + $seconds]));
    }

    self::assertSame(202, self::$peer->post(self::good(), [], ['time' => time() - 290])->status);
  }

  public function test_an_unknown_sender_gets_the_answer_of_a_wrong_signature(): void {
    $stranger = new Peer('https://nobody.e2e.example.org', self::$a);

    $unknown = self::assertRefused(401, fn() => $stranger->post(self::good()));
    $wrong = self::assertRefused(401, fn() => self::$peer->post(self::good(), [], ['secret' => $stranger->secret]));
    $stranger->stop();

    self::assertSame($wrong->body, $unknown->body);
    self::assertSame(array_keys($wrong->headers), array_keys($unknown->headers));
    $constant = fn(Answer $answer) => array_diff_key($answer->headers, ['date' => 0, 'expires' => 0, 'last-modified' => 0, 'set-cookie' => 0]);
    self::assertSame($constant($wrong), $constant($unknown));
  }

  public function test_a_disabled_peering_is_answered_like_an_unknown_sender(): void {
    $enable = fn(bool $enabled) => self::$a->api4('ShareNodePeering', 'update', ['where' => [['id', '=', self::$peering]], 'values' => ['is_enabled' => $enabled]]);
    $enable(FALSE);

    $disabled = self::assertRefused(401, fn() => self::$peer->post(self::good()));
    $enable(TRUE);

    self::assertSame(self::$peer->post(self::good(), [], ['time' => 1])->body, $disabled->body);
    self::assertLineGoesOn();
  }

  public function test_a_message_to_somebody_else_is_refused(): void {
    self::assertRefused(401, fn() => self::$peer->post(self::good(), ['recipient' => self::$b->identifier]));
    self::assertRefused(401, fn() => self::$peer->post(self::good(), ['recipient' => NULL]));
    self::assertLineGoesOn();
  }

  public function test_a_message_in_the_name_of_another_node_is_refused(): void {
    self::assertRefused(401, fn() => self::$peer->post(self::good(), ['sender' => self::$b->identifier]));
    self::assertRefused(401, fn() => self::$peer->post(self::good(), ['sender' => self::$b->identifier], ['headers' => ['civishare-sender' => self::$b->identifier]]));
    self::assertLineGoesOn();
  }

  public function test_the_wrong_method_content_type_or_service_is_refused(): void {
    self::assertSame(405, Http::get(self::$a->endpoint . '/changes')->status);
    self::assertSigned(self::assertRefused(415, fn() => self::$peer->post(self::good(), [], ['headers' => ['Content-Type' => 'text/plain']])));
    self::assertSigned(self::assertRefused(400, fn() => self::$peer->post(self::good(), ['service' => 'hello'])));
    self::assertSigned(self::assertRefused(400, fn() => self::$peer->post(self::good(), ['protocol' => 'civishare/2'])));
    self::assertContains(self::assertRefused(404, fn() => self::$peer->post(self::good(), ['service' => 'nonsense'], ['service' => 'nonsense']))->status, [400, 404]);
    self::assertLineGoesOn();
  }

  // ---- what ----

  /**
   * The message is taken, this change of it is not.
   */
  private static function assertRejected(array $change, string $reason): void {
    $before = self::inbox();
    $answer = self::$peer->post([$change]);
    self::assertSame(202, $answer->status, $answer->body);
    self::assertSigned($answer);
    self::assertSame([0, 0], [$answer->json()['accepted'], $answer->json()['ignored']]);
    self::assertCount(1, $answer->json()['rejected']);
    [$rejected] = $answer->json()['rejected'];
    self::assertSame([$change['change_id'] ?? '', 0], [$rejected['change_id'], $rejected['index']]);
    self::assertStringContainsString($reason, $rejected['reason']);
    self::assertSame($before, self::inbox());
  }

  public function test_an_unknown_type_is_rejected(): void {
    self::assertRejected(self::$peer->change(Message::uuid(), ['first_name' => 'X'], 'create', ['type' => 'civishare.change.nonsense']), 'civishare.change.nonsense');
  }

  public function test_a_type_that_was_not_agreed_on_is_rejected(): void {
    $peer = new Peer('https://listener.e2e.example.org', self::$a);
    Network::peer(self::$a, $peer->identifier, $peer->url, $peer->secret, ['types_in' => []]);
    $before = self::inbox();

    $answer = $peer->post([$peer->newPerson(['first_name' => 'X', 'last_name' => self::name()])]);
    Network::unpeer(self::$a, $peer->identifier);
    $peer->stop();

    self::assertSame(202, $answer->status, $answer->body);
    self::assertStringContainsString(Site::CONTACT_BASE, $answer->json()['rejected'][0]['reason']);
    self::assertSame($before, self::inbox());
  }

  public function test_an_attribute_that_is_not_let_in_is_rejected(): void {
    self::assertRejected(self::$peer->newPerson(['first_name' => 'X', 'job_title' => 'Spy']), 'job_title');
  }

  public function test_a_version_more_than_an_hour_ahead_is_rejected(): void {
    self::$peer->ahead = 2 * 3600 * 1000;
    $person = self::$peer->newPerson(['first_name' => 'Tomorrow', 'last_name' => self::name()]);
    self::$peer->ahead = 0;
    self::assertRejected($person, 'clock');
  }

  public function test_a_change_without_what_every_change_has_is_rejected(): void {
    foreach (['change_id', 'operation', 'entity_uid', 'timestamp', 'attribute_changes'] as $member) {
      self::assertRejected(self::$peer->change(Message::uuid(), ['first_name' => 'X'], 'create', [$member => NULL]), $member);
    }
    self::assertRejected(self::$peer->change(Message::uuid(), ['first_name' => 'X'], 'explode'), 'operation');
    self::assertRejected(['loop_detection' => ['AAAA']] + self::$peer->change(Message::uuid(), ['first_name' => 'X'], 'create'), 'loop_detection');
  }

  public function test_the_good_half_of_a_batch_is_taken(): void {
    $last = self::name();
    $bad = self::$peer->newPerson(['first_name' => 'Half', 'last_name' => $last, 'job_title' => 'Spy']);
    $good = [self::$peer->newPerson(['first_name' => 'First', 'last_name' => $last]), self::$peer->newPerson(['first_name' => 'Third', 'last_name' => $last])];

    $answer = self::$peer->post([$good[0], $bad, $good[1]]);
    self::$a->process();

    self::assertSame([202, 2, 0], [$answer->status, $answer->json()['accepted'], $answer->json()['ignored']]);
    self::assertSame([[$bad['change_id'], 1]], array_map(fn($rejected) => [$rejected['change_id'], $rejected['index']], $answer->json()['rejected']));
    self::assertEqualsCanonicalizing(['First', 'Third'], array_column(self::$a->get('Contact', [['last_name', '=', $last]], ['first_name']), 'first_name'));
  }

  public function test_one_change_id_for_two_changes_is_rejected(): void {
    $last = self::name();
    $first = self::$peer->newPerson(['first_name' => 'First', 'last_name' => $last]);
    $second = self::$peer->change(Message::uuid(), ['contact_type' => 'Individual', 'first_name' => 'Second', 'last_name' => $last], 'create', ['change_id' => $first['change_id']]);

    $answer = self::$peer->post([$first, $second]);
    self::$a->process();

    self::assertSame([202, 1, 1], [$answer->status, $answer->json()['accepted'], count($answer->json()['rejected'])]);
    self::assertSame(['First'], array_column(self::$a->get('Contact', [['last_name', '=', $last]], ['first_name']), 'first_name'));
  }

  public function test_the_same_change_twice_in_a_message_is_applied_once(): void {
    $last = self::name();
    $change = self::$peer->newPerson(['first_name' => 'Twice', 'last_name' => $last]);

    $answer = self::$peer->post([$change, $change]);
    self::$a->process();

    self::assertSame([202, 1, 1], [$answer->status, $answer->json()['accepted'], $answer->json()['ignored']]);
    self::assertCount(1, self::$a->get('Contact', [['last_name', '=', $last]], ['id']));
  }

  public function test_times_with_the_abbreviation_of_a_zone_are_read(): void {
    $last = self::name();
    $change = self::$peer->change(Message::uuid(), ['contact_type' => 'Individual', 'first_name' => 'Cest', 'last_name' => $last, 'birth_date' => '1990-01-31'], 'create', ['timestamp' => '2024-10-23 20:08:48 CEST']);

    $answer = self::$peer->post([$change], ['sent' => '2024-10-23 20:10:00 CEST']);
    self::$a->process();

    self::assertSame([202, 1], [$answer->status, $answer->json()['accepted'] ?? NULL], $answer->body);
    self::assertSame('1990-01-31', self::$a->get('Contact', [['last_name', '=', $last]], ['birth_date'])[0]['birth_date'] ?? NULL);
    self::assertRefused(400, fn() => self::$peer->post(self::good(), ['sent' => '2024-10-23 20:10:00 XYZ']));
  }

  // ---- in which order ----

  public function test_a_replayed_message_is_answered_as_before_and_applied_once(): void {
    $last = self::name();
    $uid = Message::uuid();
    $id = Message::uuid();
    $changes = [self::$peer->newPerson(['first_name' => 'Once', 'last_name' => $last], $uid)];
    $seq = self::$peer->seq + 1;
    $first = self::$peer->post($changes, [], ['id' => $id]);
    self::$a->process();
    self::$a->update(self::$a->byUid($uid), ['first_name' => 'Edited']);

    $again = self::assertRefused(200, fn() => self::$peer->post($changes, ['seq' => $seq], ['id' => $id]));
    self::$a->process();

    self::assertTrue($again->json()['duplicate']);
    self::assertSigned($again);
    self::assertSame($first->json()['accepted'], $again->json()['accepted']);
    self::assertSame(['Edited'], array_column(self::$a->get('Contact', [['last_name', '=', $last]], ['first_name']), 'first_name'));
  }

  public function test_the_same_changes_in_a_new_message_are_ignored(): void {
    $last = self::name();
    $changes = [self::$peer->newPerson(['first_name' => 'Again', 'last_name' => $last])];
    self::$peer->post($changes);
    self::$a->process();

    $again = self::$peer->post($changes);
    self::$a->process();

    self::assertSame([202, 0, 1], [$again->status, $again->json()['accepted'], $again->json()['ignored']]);
    self::assertCount(1, self::$a->get('Contact', [['last_name', '=', $last]], ['id']));
  }

  public function test_the_same_id_with_other_changes_is_refused(): void {
    $id = Message::uuid();
    self::assertSame(202, self::$peer->post(self::good(), [], ['id' => $id])->status);

    $same = self::assertRefused(409, fn() => self::$peer->post(self::good(), ['seq' => self::$peer->seq], ['id' => $id]));
    $next = self::assertRefused(409, fn() => self::$peer->post(self::good(), [], ['id' => $id]));

    foreach ([$same, $next] as $answer) {
      self::assertSigned($answer);
      self::assertSame(self::$peer->seq + 1, $answer->json()['expected_seq']);
    }
    self::assertLineGoesOn();
  }

  public function test_a_gap_in_seq_is_refused_and_says_what_is_expected(): void {
    $answer = self::assertRefused(409, fn() => self::$peer->post(self::good(), ['seq' => self::$peer->seq + 2]));

    self::assertSigned($answer);
    self::assertSame(self::$peer->seq + 1, $answer->json()['expected_seq']);
    self::assertLineGoesOn();
  }

  public function test_a_seq_that_is_none_is_refused(): void {
    foreach ([0, -1, 1.5, '7', TRUE, NULL] as $seq) {
      self::assertRefused(400, fn() => self::$peer->post(self::good(), ['seq' => $seq]));
    }
    self::assertRefused(400, fn() => self::$peer->post(self::good(), ['epoch' => 'yesterday']));
    self::assertLineGoesOn();
  }

  public function test_a_new_epoch_begins_at_1_and_ends_the_old_one(): void {
    self::assertLineGoesOn();
    $old = self::$peer->epoch;
    $seq = self::$peer->seq;
    $new = Message::uuid();

    $late = self::assertRefused(409, fn() => self::$peer->post(self::good(), ['epoch' => $new, 'seq' => 2]));
    $first = self::$peer->post(self::good(), ['epoch' => $new, 'seq' => 1]);
    $superseded = self::assertRefused(409, fn() => self::$peer->post(self::good(), ['epoch' => $old, 'seq' => $seq + 1]));

    self::$peer->epoch = $new;
    self::$peer->seq = 1;
    self::assertSame(1, $late->json()['expected_seq']);
    self::assertSame(202, $first->status, $first->body);
    self::assertTrue($first->json()['resync']);
    self::assertSame('superseded', $superseded->json()['epoch']);
    self::assertSigned($superseded);
    self::assertLineGoesOn();
  }

  // ---- what comes back from there ----

  public function test_an_unsigned_or_forged_answer_counts_for_nothing(): void {
    $peer = new Peer('https://behind-a-proxy.e2e.example.org', self::$a);
    $peering = Network::peer(self::$a, $peer->identifier, $peer->url, $peer->secret);
    $id = self::$a->create(['first_name' => 'Through', 'last_name' => self::name()]);
    $uid = self::$a->uid($id);
    $answers = [
      'unsigned' => ['status' => 200, 'sign' => FALSE],
      'unsigned 202' => ['status' => 202, 'sign' => FALSE],
      'forged' => ['status' => 202, 'secret' => 'whsec_' . base64_encode(random_bytes(32))],
      'to another message' => ['status' => 202, 'members' => ['in_reply_to' => Message::uuid()]],
      'of another node' => ['status' => 202, 'members' => ['sender' => 'https://other.example.org']],
      'to another node' => ['status' => 202, 'members' => ['recipient' => 'https://other.example.org']],
      'of another service' => ['status' => 202, 'members' => ['service' => 'hello-answer']],
      'a login page' => ['status' => 200, 'sign' => FALSE, 'body' => '<html>Welcome to the hotel</html>'],
      'numbers that do not add up' => ['status' => 202, 'members' => ['accepted' => 7]],
      'unsigned 410' => ['status' => 410, 'sign' => FALSE],
      'unsigned 400' => ['status' => 400, 'sign' => FALSE],
    ];

    foreach ($answers as $what => $how) {
      $peer->answer($how);
      $before = count($peer->requests());
      self::$a->api4('ShareNodePeering', 'resume', ['where' => [['id', '=', $peering]]]);
      self::$a->send();
      self::assertGreaterThan($before, count($peer->requests()), "$what: nothing was sent");
      self::assertSame(1, self::$a->store()['peerings'][$peering]['backlog'], $what);
      self::assertNotNull(self::$a->store()['peerings'][$peering]['last_error'], $what);
    }
    $peer->answer('accept');
    self::$a->api4('ShareNodePeering', 'resume', ['where' => [['id', '=', $peering]]]);
    self::$a->send();
    $status = self::$a->store()['peerings'][$peering];
    $attempts = array_unique(array_map(fn($request) => json_decode($request['body'], TRUE)['id'], $peer->requests()));
    Network::unpeer(self::$a, $peer->identifier);
    $peer->stop();

    self::assertSame(0, $status['backlog']);
    self::assertCount(1, $attempts, 'every attempt had the same id');
  }

  public function test_a_peer_that_ended_the_peering_is_sent_nothing_more(): void {
    $peer = new Peer('https://leaver.e2e.example.org', self::$a);
    $peering = Network::peer(self::$a, $peer->identifier, $peer->url, $peer->secret);
    $id = self::$a->create(['first_name' => 'Too', 'last_name' => self::name('Late')]);
    $peer->answer(['status' => 410]);

    self::$a->send();
    self::$a->send();
    $requests = count($peer->requests());
    Network::unpeer(self::$a, $peer->identifier);
    $peer->stop();

    self::assertSame(1, $requests);
  }

  public function test_a_peer_that_is_busy_is_left_alone_for_as_long_as_it_says(): void {
    $peer = new Peer('https://busy.e2e.example.org', self::$a);
    $peering = Network::peer(self::$a, $peer->identifier, $peer->url, $peer->secret);
    self::$a->create(['first_name' => 'Patient', 'last_name' => self::name()]);
    $peer->answer(['status' => 429, 'sign' => FALSE, 'headers' => ['Retry-After' => '3600']]);

    self::$a->send();
    self::$a->send();
    $requests = count($peer->requests());
    $next = self::$a->store()['peerings'][$peering]['next_attempt'];
    Network::unpeer(self::$a, $peer->identifier);
    $peer->stop();

    self::assertSame(1, $requests);
    self::assertEqualsWithDelta(time() + 3600, $next / 1000, 60);
  }

  public function test_an_ended_peering_answers_gone(): void {
    $peer = new Peer('https://ended.e2e.example.org', self::$a);
    $peering = Network::peer(self::$a, $peer->identifier, $peer->url, $peer->secret);
    self::$a->api4('ShareNodePeering', 'end', ['where' => [['id', '=', $peering]]]);

    $answer = self::assertRefused(410, fn() => $peer->post([$peer->newPerson(['first_name' => 'X'])]));
    $wrong = $peer->post([], [], ['secret' => self::$peer->secret]);
    Network::unpeer(self::$a, $peer->identifier);
    $peer->stop();

    self::assertSigned($answer, $peer);
    self::assertSame(401, $wrong->status);
  }

  // ---- the founding example ----

  /**
   * The founding example, made valid JSON.
   */
  private static function foundingExample(string $sender, string $last): array {
    return [
      'sender' => $sender,
      'sent' => '2024-10-23 20:10:00 CEST',
      'changes' => [
        [
          'type' => Site::CONTACT_BASE,
          'timestamp' => '2024-10-23 20:08:48 CEST',
          'operation' => 'create',
          'entity' => 'Contact',
          'entity_reference' => "$last-4711",
          'attribute_changes' => [
            ['name' => 'contact_type', 'from' => NULL, 'to' => 'Individual'],
            ['name' => 'first_name', 'from' => 'Karl', 'to' => 'Carl'],
            ['name' => 'last_name', 'from' => NULL, 'to' => $last],
            ['name' => 'birth_date', 'from' => NULL, 'to' => '2000-01-01'],
          ],
          'loop_detection' => ['A2B3C4', 'D5E6F7'],
        ],
      ],
    ];
  }

  public function test_the_founding_example_is_taken_from_a_simple_peer(): void {
    $last = self::name('Founder');
    $payload = self::foundingExample(self::$simple->identifier, $last);
    $update = $payload;
    unset($update['changes'][0]['operation']);
    $update['changes'][0]['timestamp'] = '2024-10-23 20:09:48 CEST';
    $update['changes'][0]['attribute_changes'] = [['name' => 'first_name', 'from' => 'Carl', 'to' => 'Charles']];

    foreach ([$payload, $update] as $number => $one) {
      $id = "founding-$number-" . substr(Message::uuid(), -12);
      $answer = self::$simple->raw(Message::body($id, $one, self::$simple->secret), $id);
      self::assertSame(202, $answer->status, $answer->body);
      self::assertSame(1, $answer->json()['accepted'], $answer->body);
      self::assertSigned($answer, self::$simple);
    }
    self::$a->process();

    $found = self::$a->get('Contact', [['last_name', '=', $last]], ['first_name', 'birth_date']);
    self::assertCount(1, $found);
    self::assertSame(['Charles', '2000-01-01'], [$found[0]['first_name'], $found[0]['birth_date']]);
  }

  public function test_the_founding_example_is_refused_from_any_other_peer(): void {
    $id = Message::uuid();
    $body = Message::body($id, self::foundingExample(self::$peer->identifier, self::name()), self::$peer->secret);

    self::assertSigned(self::assertRefused(400, fn() => self::$peer->raw($body, $id)));
    self::assertLineGoesOn();
  }

  public function test_the_founding_example_is_refused_without_its_headers(): void {
    $id = Message::uuid();
    $body = Message::body($id, self::foundingExample(self::$simple->identifier, self::name()), self::$simple->secret);

    self::assertRefused(401, fn() => self::$simple->raw($body, $id, ['headers' => ['webhook-signature' => NULL]]));
  }

  // ---- what a peer may write ----

  public function test_no_message_writes_past_what_is_let_in(): void {
    $last = self::name();
    $uid = Message::uuid();
    self::$peer->post([self::$peer->newPerson(['first_name' => 'Plain', 'last_name' => $last], $uid)]);
    self::$a->process();
    $id = self::$a->byUid($uid);

    foreach (['api_key', 'id', 'hash', 'external_identifier', 'checkPermissions', 'where', 'custom_1', 'email_primary.email', 'first_name` = 1 --'] as $name) {
      $answer = self::$peer->post([self::$peer->change($uid, [$name => 'x'])]);
      self::assertSame([202, 0], [$answer->status, $answer->json()['accepted']], $name);
    }
    // A name that is let in with all attributes, but is no shared one here.
    $open = new Peer('https://open.e2e.example.org', self::$a);
    Network::peer(self::$a, $open->identifier, $open->url, $open->secret, ['types_out' => []]);
    $openUid = Message::uuid();
    $open->post([$open->newPerson(['first_name' => 'Open', 'last_name' => $last], $openUid)]);
    foreach (['api_key', 'id', 'hash', 'external_identifier', 'where', 'employer_id', 'image_URL', 'first_name` = 1 --'] as $name) {
      $open->post([$open->change($openUid, [$name => '424242', 'nick_name' => "after $name"])]);
    }
    $open->post([$open->change($uid, ['first_name' => 'Stolen'])]);
    self::$a->process();
    $openId = self::$a->byUid($openUid);
    Network::unpeer(self::$a, $open->identifier);
    $open->stop();

    self::assertSame([['first_name' => 'Plain', 'api_key' => NULL]], self::$a->sql("SELECT first_name, api_key FROM civicrm_contact WHERE id = $id"), 'a contact that the second peer was never told of');
    self::assertNotNull($openId);
    $row = self::$a->sql("SELECT first_name, api_key, external_identifier, employer_id, image_URL FROM civicrm_contact WHERE id = $openId")[0];
    self::assertSame(['first_name' => 'Open', 'api_key' => NULL, 'external_identifier' => NULL, 'employer_id' => NULL, 'image_URL' => NULL], $row);
  }

  public function test_sql_and_html_in_values_stay_values(): void {
    $last = self::name();
    $nasty = ["'; DROP TABLE civicrm_contact; --", '" OR 1=1', '<script>alert(1)</script>', '{$smarty.const.CIVICRM_DSN}', '%1', '\\', '{contact.api_key}'];
    foreach ($nasty as $value) {
      self::$peer->post([self::$peer->newPerson(['first_name' => $value, 'last_name' => $last])]);
    }

    self::$a->process();

    self::assertEqualsCanonicalizing($nasty, array_column(self::$a->get('Contact', [['last_name', '=', $last]], ['first_name']), 'first_name'));
  }

}

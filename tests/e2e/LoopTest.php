<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * Networks with more than one way from here to there: every change is applied once, and all falls silent.
 */
final class LoopTest extends EndToEndTest {

  /**
   * @var StoreNode[]
   */
  private array $nodes = [];

  protected function setUp(): void {
    if (!StoreNode::available()) {
      $this->skip('the tests themselves run without the native module (CIVISHARE_SO)');
    }
    Network::settle([self::$a, self::$b]);
  }

  protected function tearDown(): void {
    foreach ($this->nodes as $node) {
      foreach ([self::$a, self::$b] as $site) {
        Network::unpeer($site, $node->identifier);
      }
      $node->stop();
    }
    foreach ([self::$a, self::$b] as $site) {
      Network::play($site, []);
    }
  }

  private function node(string $name): StoreNode {
    return $this->nodes[] = new StoreNode("https://$name.e2e.example.org");
  }

  /**
   * @param Site|StoreNode $one
   * @param Site|StoreNode $other
   */
  private static function link(Site|StoreNode $one, Site|StoreNode $other): void {
    $secret = 'whsec_' . base64_encode(random_bytes(32));
    foreach ([[$one, $other], [$other, $one]] as [$here, $there]) {
      if ($here instanceof Site) {
        Network::peer($here, $there->identifier, $there->endpoint, $secret);
      }
      else {
        $here->peer($there->identifier, $there->endpoint, $secret);
      }
    }
  }

  /**
   * A ring of three: A, B and a node C.
   *
   * @return array<Site|StoreNode>
   */
  private function ring(): array {
    $c = $this->node('c');
    self::link(self::$a, $c);
    self::link(self::$b, $c);
    return [self::$a, self::$b, $c];
  }

  /**
   * A diamond of four: A at the top, B and C in the middle, D at the bottom.
   *
   * @return array<Site|StoreNode>
   */
  private function diamond(): array {
    $c = $this->node('c');
    $d = $this->node('d');
    self::link(self::$a, $c);
    self::link(self::$b, $d);
    self::link($c, $d);
    return [self::$a, self::$b, $c, $d];
  }

  /**
   * All nodes hold the contact once, with these values.
   *
   * @param array<Site|StoreNode> $nodes
   */
  private static function assertEverywhere(array $values, array $nodes, string $uid, string $last): void {
    foreach ($nodes as $node) {
      $id = $node->byUid($uid);
      self::assertNotNull($id, "$node->identifier does not know it");
      $contact = $node instanceof Site ? $node->contact($id, array_keys($values)) : $node->contact($id);
      self::assertEquals($values, array_intersect_key($contact, $values), $node->identifier);
      $count = $node instanceof Site ? count($node->get('Contact', [['last_name', '=', $last]], ['id'])) : count($node->named($last));
      self::assertSame(1, $count, "$node->identifier has it more than once");
    }
  }

  /**
   * How often a node has saved the contact since the last call.
   */
  private static function saves(Site|StoreNode $node, string $uid): int {
    if ($node instanceof StoreNode) {
      $saves = $node->writes[$uid] ?? 0;
      $node->writes = [];
      return $saves;
    }
    $id = $node->byUid($uid);
    return count(array_filter(Network::saved($node), fn($line) => $line === "edit $id" || $line === "create $id"));
  }

  private static function forgetSaves(array $nodes): void {
    foreach ($nodes as $node) {
      if ($node instanceof Site) {
        Network::play($node, ['log' => TRUE]);
        Network::saved($node);
      }
      else {
        $node->writes = [];
      }
    }
  }

  public function test_two_sites_that_edit_the_same_contact_again_and_again_stay_equal_and_fall_silent(): void {
    [$id, $there] = self::sharedPerson();

    for ($round = 1; $round <= 3; $round++) {
      self::$a->update($id, ['first_name' => "A $round", 'nick_name' => "of A $round"]);
      self::$b->update($there, ['first_name' => "B $round", 'job_title' => "of B $round"]);
      $round === 2 || self::deliver(self::$a, self::$b);
      $round === 1 || self::deliver(self::$b, self::$a);
    }
    $rounds = Network::settle([self::$a, self::$b]);

    self::assertLessThanOrEqual(3, $rounds);
    $values = ['first_name' => 'B 3', 'nick_name' => 'of A 3', 'job_title' => 'of B 3'];
    self::assertContact($values, self::$a, $id);
    self::assertContact($values, self::$b, $there);
  }

  public function test_two_sites_whose_rules_answer_each_other_fall_silent(): void {
    [$id, $there] = self::sharedPerson();
    // Each site's rule makes of every first name a new one, so each would go on for ever.
    Network::play(self::$a, ['rename' => 'a']);
    Network::play(self::$b, ['rename' => 'b']);

    self::$a->update($id, ['first_name' => 'Ping']);
    $rounds = Network::settle([self::$a, self::$b]);

    self::assertLessThanOrEqual(5, $rounds);
    $names = [self::$a->contact($id, ['first_name'])['first_name'], self::$b->contact($there, ['first_name'])['first_name']];
    foreach ($names as $name) {
      self::assertStringStartsWith('Ping', $name);
      self::assertLessThanOrEqual(strlen('Ping') + 4, strlen($name));
    }
  }

  public function test_a_ring_applies_every_change_once_and_falls_silent(): void {
    $nodes = $this->ring();
    $last = self::name('Ring');
    self::forgetSaves($nodes);

    $id = self::$a->create(['first_name' => 'Rita', 'last_name' => $last]);
    $rounds = Network::settle($nodes);

    $uid = self::$a->uid($id);
    self::assertLessThanOrEqual(5, $rounds);
    self::assertEverywhere(['first_name' => 'Rita', 'last_name' => $last], $nodes, $uid, $last);
    self::assertSame([1, 1, 1], array_map(fn($node) => self::saves($node, $uid), $nodes), 'saves of the new contact');

    self::$b->update(self::$b->byUid($uid), ['first_name' => 'Rosa']);
    Network::settle($nodes);
    self::assertEverywhere(['first_name' => 'Rosa'], $nodes, $uid, $last);
    self::assertSame([1, 1, 1], array_map(fn($node) => self::saves($node, $uid), $nodes), 'saves of an edit on B');

    $nodes[2]->update($nodes[2]->byUid($uid), ['nick_name' => 'Ringo']);
    Network::settle($nodes);
    self::assertEverywhere(['nick_name' => 'Ringo'], $nodes, $uid, $last);
    self::assertSame([1, 1, 0], array_map(fn($node) => self::saves($node, $uid), $nodes), 'saves of an edit on C, there not counted');
  }

  public function test_a_diamond_applies_every_change_once_and_falls_silent(): void {
    $nodes = $this->diamond();
    $last = self::name('Diamond');
    self::forgetSaves($nodes);

    $id = self::$a->create(['first_name' => 'Dina', 'last_name' => $last]);
    $rounds = Network::settle($nodes);

    $uid = self::$a->uid($id);
    self::assertLessThanOrEqual(6, $rounds);
    self::assertEverywhere(['first_name' => 'Dina'], $nodes, $uid, $last);
    self::assertSame([1, 1, 1, 1], array_map(fn($node) => self::saves($node, $uid), $nodes));

    foreach ($nodes as $number => $node) {
      $node->update($node->byUid($uid), ['first_name' => "Dina $number"]);
      Network::settle($nodes);
      self::assertEverywhere(['first_name' => "Dina $number"], $nodes, $uid, $last);
    }
  }

  public function test_edits_on_all_four_at_once_end_equal_everywhere(): void {
    $nodes = $this->diamond();
    $last = self::name('Diamond');
    $id = self::$a->create(['first_name' => 'Dina', 'last_name' => $last]);
    Network::settle($nodes);
    $uid = self::$a->uid($id);

    foreach ($nodes as $number => $node) {
      $node->update($node->byUid($uid), ['first_name' => "All $number", ['nick_name', 'job_title', 'middle_name', 'formal_title'][$number] => "of $number"]);
    }
    Network::settle($nodes);

    self::assertEverywhere(['first_name' => 'All 3', 'nick_name' => 'of 0', 'job_title' => 'of 1', 'middle_name' => 'of 2', 'formal_title' => 'of 3'], $nodes, $uid, $last);
  }

  public function test_what_another_extension_derives_reaches_everybody_in_a_ring(): void {
    $nodes = $this->ring();
    $last = self::name('Derived');
    $id = self::$a->create(['first_name' => 'Nora', 'last_name' => $last]);
    Network::settle($nodes);
    Network::play(self::$b, ['derive' => TRUE]);

    self::$a->update($id, ['first_name' => 'Nina']);
    $rounds = Network::settle($nodes);

    self::assertLessThanOrEqual(6, $rounds);
    self::assertEverywhere(['first_name' => 'Nina', 'job_title' => 'Job of Nina'], $nodes, self::$a->uid($id), $last);
  }

  public function test_what_another_extension_derives_reaches_everybody_in_a_diamond(): void {
    $nodes = $this->diamond();
    $last = self::name('Derived');
    $id = self::$a->create(['first_name' => 'Nora', 'last_name' => $last]);
    Network::settle($nodes);
    Network::play(self::$b, ['derive' => TRUE]);

    $nodes[2]->update($nodes[2]->byUid(self::$a->uid($id)), ['first_name' => 'Nele']);
    Network::settle($nodes);

    self::assertEverywhere(['first_name' => 'Nele', 'job_title' => 'Job of Nele'], $nodes, self::$a->uid($id), $last);
  }

  public function test_rules_that_contradict_each_other_in_a_ring_fall_silent(): void {
    $nodes = $this->ring();
    $last = self::name('Quarrel');
    $id = self::$a->create(['first_name' => 'Quincy', 'last_name' => $last]);
    Network::settle($nodes);
    Network::play(self::$a, ['rename' => 'a']);
    Network::play(self::$b, ['derive' => TRUE]);
    $nodes[2]->derive = fn(array $written) => isset($written['first_name']) ? ['job_title' => 'C: ' . $written['first_name'], 'first_name' => substr($written['first_name'], 0, 20) . 'c'] : [];

    self::$b->update(self::$b->byUid(self::$a->uid($id)), ['first_name' => 'Q']);
    $rounds = Network::settle($nodes);

    self::assertLessThanOrEqual(12, $rounds);
  }

  public function test_a_link_that_one_node_finds_is_learnt_by_the_others(): void {
    $c = $this->node('c');
    self::link(self::$b, $c);
    $last = self::name('Linked');
    // B lets nothing out to A as yet.
    $peering = self::$b->value("SELECT p.id FROM civicrm_share_node_peering p INNER JOIN civicrm_share_node n ON n.id = p.remote_node_id WHERE n.identifier = '" . self::$a->identifier . "'");
    $toA = fn(array $values) => self::$b->api4('ShareNodePeering', 'update', ['where' => [['id', '=', $peering]], 'values' => $values]);
    $toA(['types_out' => []]);
    $atC = $c->create(['first_name' => 'Lisa', 'last_name' => $last, 'nick_name' => 'Lis']);
    Network::settle([self::$a, self::$b, $c]);
    $uidC = $c->uid($atC);
    $toA(['types_out' => [Site::CONTACT_BASE], 'options' => ['match' => ['first_name', 'last_name']]]);

    $id = self::$a->create(['first_name' => 'Lisa', 'last_name' => $last, 'job_title' => 'Linker']);
    Network::settle([self::$a, self::$b, $c]);
    $uidA = self::$a->uid($id);
    $toA(['options' => []]);

    self::assertNotSame($uidA, $uidC);
    self::assertSame(self::$b->byUid($uidC), self::$b->byUid($uidA), 'B has linked the two');
    self::assertSame($atC, $c->byUid($uidA), 'C has learnt it');
    self::assertContact(['nick_name' => 'Lis', 'job_title' => 'Linker'], self::$b, self::$b->byUid($uidA));

    $c->update($atC, ['middle_name' => 'by C']);
    Network::settle([self::$a, self::$b, $c]);
    self::$a->update($id, ['formal_title' => 'by A']);
    Network::settle([self::$a, self::$b, $c]);
    self::$b->update(self::$b->byUid($uidA), ['first_name' => 'Elisabeth']);
    Network::settle([self::$a, self::$b, $c]);
    self::assertEverywhere(['first_name' => 'Elisabeth', 'nick_name' => 'Lis', 'job_title' => 'Linker', 'middle_name' => 'by C', 'formal_title' => 'by A'], [self::$a, self::$b, $c], $uidA, $last);
  }

  public function test_an_ignored_change_still_teaches_its_links(): void {
    $peer = new Peer('https://teacher.e2e.example.org', self::$a);
    Network::peer(self::$a, $peer->identifier, $peer->url, $peer->secret);
    [$first, $second, $third] = [Message::uuid(), Message::uuid(), Message::uuid()];
    $peer->post([$peer->newPerson(['first_name' => 'Ute', 'last_name' => self::name()], $first)]);
    self::$a->process();
    $id = self::$a->byUid($first);

    $link = $peer->change($first, [], 'update', ['same_as' => [$second]]);
    $peer->post([$link]);
    self::$a->process();
    self::assertSame($id, self::$a->byUid($second), 'learnt');

    // The same change once more, in another message: it is ignored, its links are not.
    $again = $peer->post([$link]);
    self::$a->process();
    $peer->post([$peer->change($second, ['first_name' => 'Uta'], 'update', ['same_as' => [$third]])]);
    self::$a->process();
    Network::unpeer(self::$a, $peer->identifier);
    $peer->stop();

    self::assertSame(1, $again->json()['ignored']);
    self::assertSame($id, self::$a->byUid($third));
    self::assertContact(['first_name' => 'Uta'], self::$a, $id);
  }

}

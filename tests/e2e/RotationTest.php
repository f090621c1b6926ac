<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * The secret of a peering is changed while both sites send.
 */
final class RotationTest extends EndToEndTest {

  private static int $peeringA;

  private static int $peeringB;

  public static function setUpBeforeClass(): void {
    parent::setUpBeforeClass();
    Network::settle([self::$a, self::$b]);
    self::$peeringA = self::peering(self::$a, self::$b);
    self::$peeringB = self::peering(self::$b, self::$a);
  }

  private static function peering(Site $site, Site $other): int {
    return (int) $site->value("SELECT p.id FROM civicrm_share_node_peering p INNER JOIN civicrm_share_node n ON n.id = p.remote_node_id WHERE n.identifier = '$other->identifier'");
  }

  private static function status(Site $site, int $peering): array {
    return $site->get('ShareNodePeering', [['id', '=', $peering]])[0];
  }

  private static function rotate(Site $site, int $peering, array $params = []): array {
    return $site->api4('ShareNodePeering', 'rotateSecret', ['where' => [['id', '=', $peering]]] + $params)[0];
  }

  /**
   * An edit on each site reaches the other, and nobody has refused anything.
   */
  private static function traffic(int $id, int $there, string $step): void {
    $name = self::name();
    self::$a->update($id, ['nick_name' => "A $name"]);
    self::deliver(self::$a, self::$b);
    self::assertContact(['nick_name' => "A $name"], self::$b, $there, "$step: to B");
    self::$b->update($there, ['job_title' => "B $name"]);
    self::deliver(self::$b, self::$a);
    self::assertContact(['job_title' => "B $name"], self::$a, $id, "$step: to A");
    foreach ([[self::$a, self::$peeringA], [self::$b, self::$peeringB]] as [$site, $peering]) {
      $health = $site->store()['peerings'][$peering];
      self::assertSame([0, NULL, NULL, 202], [$health['attempts'], $health['failing_since'], $health['last_error'], $health['last_status']], "$step: {$site->name}");
    }
  }

  public function test_a_secret_is_changed_without_a_refused_message(): void {
    [$id, $there] = self::sharedPerson();
    self::traffic($id, $there, 'before');
    $sealed = fn(Site $site, int $peering) => $site->sql("SELECT secret, secret_new FROM civicrm_share_node_peering WHERE id = $peering")[0];
    $before = $sealed(self::$a, self::$peeringA)['secret'];

    $secret = self::rotate(self::$a, self::$peeringA)['secret'];
    self::assertStringStartsWith('whsec_', $secret);
    self::traffic($id, $there, 'the new secret is on A only');
    self::assertNotNull(self::status(self::$a, self::$peeringA)['secret_new_date']);
    self::assertNull(self::status(self::$a, self::$peeringA)['secret_new_ours_date']);

    $answer = self::rotate(self::$b, self::$peeringB, ['secret' => $secret]);
    self::assertArrayNotHasKey('secret', $answer, 'what a person has entered is not told again');
    for ($round = 1; $round <= 3; $round++) {
      self::traffic($id, $there, "round $round with the new secret on both");
    }

    foreach ([[self::$a, self::$peeringA], [self::$b, self::$peeringB]] as [$site, $peering]) {
      self::assertNull(self::status($site, $peering)['secret_new_date'], "{$site->name}: it is over");
      self::assertNull($sealed($site, $peering)['secret_new'], "{$site->name}: no second secret");
      self::assertSame($secret, $site->ask('return \Civi\Share\Peering::byId($id)->forSend()["secrets"][0];', ['id' => $peering]));
      $site->refresh();
    }
    self::assertNotSame($before, $sealed(self::$a, self::$peeringA)['secret']);
    self::traffic($id, $there, 'after');
  }

  public function test_the_old_secret_goes_after_seven_days(): void {
    self::rotate(self::$a, self::$peeringA);
    self::$a->sql('UPDATE civicrm_share_node_peering SET secret_new_date = DATE_SUB(NOW(), INTERVAL 6 DAY) WHERE id = ' . self::$peeringA);
    self::$a->process();
    self::assertNotNull(self::status(self::$a, self::$peeringA)['secret_new_date'], 'after six');

    $old = self::$a->request('
      $secret = \Civi\Share\Peering::byId($id)->forSend()["secrets"][0];
      CRM_Core_DAO::executeQuery("UPDATE civicrm_share_node_peering SET secret_new_date = DATE_SUB(NOW(), INTERVAL 8 DAY) WHERE id = $id");
      return $secret;', ['id' => self::$peeringA]);
    self::$a->process();
    self::assertNull(self::status(self::$a, self::$peeringA)['secret_new_date'], 'after eight');

    // An administrator puts it right on this site: the old one, by hand.
    self::$a->api4('ShareNodePeering', 'update', ['where' => [['id', '=', self::$peeringA]], 'values' => ['secret' => $old]]);
    self::$a->refresh();
    [$id, $there] = self::sharedPerson();
    self::traffic($id, $there, 'put right');
  }

  public function test_a_secret_that_can_not_serve_is_refused_and_not_repeated(): void {
    foreach (['tiny', 'whsec_AAAA', 'whsec_not base64 at all!!'] as $secret) {
      try {
        self::rotate(self::$a, self::$peeringA, ['secret' => $secret]);
        self::fail("$secret was taken");
      }
      catch (SiteError $e) {
        self::assertStringNotContainsString($secret, $e->getMessage());
      }
    }
    self::assertNull(self::status(self::$a, self::$peeringA)['secret_new_date']);
  }

  public function test_an_administrator_changes_the_secret_on_the_screen(): void {
    $browser = new Browser(self::$a);
    if (!$browser->login()) {
      $this->skip('no login form known for this CMS, or no SITE_ADMIN_USER');
    }
    $secret = 'whsec_' . base64_encode(random_bytes(32));

    $browser->page('civicrm/admin/share/peering/secret', 'reset=1&id=' . self::$peeringA);
    $browser->submit(['secret' => $secret], '_qf_PeeringSecret_next');
    self::assertNotNull(self::status(self::$a, self::$peeringA)['secret_new_date']);
    $browser->page('civicrm/admin/share/peerings');
    self::assertStringContainsString('Enter it there within 7 days', $browser->html);
    self::assertStringNotContainsString($secret, $browser->html);

    $browser = new Browser(self::$b);
    $browser->login();
    $browser->page('civicrm/admin/share/peering/secret', 'reset=1&id=' . self::$peeringB);
    $browser->submit(['secret' => $secret], '_qf_PeeringSecret_next');
    [$id, $there] = self::sharedPerson();
    for ($round = 1; $round <= 3; $round++) {
      self::traffic($id, $there, "round $round");
    }
    self::assertNull(self::status(self::$a, self::$peeringA)['secret_new_date']);
    self::assertNull(self::status(self::$b, self::$peeringB)['secret_new_date']);
  }

}

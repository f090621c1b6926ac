<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * A peering set to "immediate" is sent to at the end of the request, after the page went out, where the server can do that.
 */
final class ImmediateTest extends EndToEndTest {

  private static Peer $quick;

  private static Peer $slow;

  private static bool $fpm = FALSE;

  public static function setUpBeforeClass(): void {
    parent::setUpBeforeClass();
    if (self::$a->env('SITE_FPM_UP') !== NULL && self::$a->env('SITE_FPM_URL') !== NULL) {
      self::$a->run('SITE_FPM_UP');
      self::$fpm = TRUE;
    }
    self::$quick = new Peer('https://quick.e2e.example.org', self::$a);
    self::$slow = new Peer('https://slow.e2e.example.org', self::$a);
    Network::peer(self::$a, self::$quick->identifier, self::$quick->url, self::$quick->secret, ['delivery' => 'immediate']);
    Network::peer(self::$a, self::$slow->identifier, self::$slow->url, self::$slow->secret, ['delivery' => 'aggregate']);
  }

  public static function tearDownAfterClass(): void {
    foreach ([self::$quick, self::$slow] as $peer) {
      Network::unpeer(self::$a, $peer->identifier);
      $peer->stop();
    }
    if (self::$fpm) {
      self::$a->run('SITE_FPM_DOWN');
    }
  }

  private function needFpm(): string {
    if (!self::$fpm) {
      $this->skip('SITE_FPM_UP and SITE_FPM_URL are not set for ' . self::$a->name . ': nothing here sends after the page went out');
    }
    return self::$a->env('SITE_FPM_URL');
  }

  /**
   * Waits until a contact has reached a peer.
   */
  private static function arrives(Peer $peer, string $last, float $seconds): bool {
    for ($end = microtime(TRUE) + $seconds; microtime(TRUE) < $end; usleep(20000)) {
      foreach ($peer->changes() as $change) {
        if (in_array($last, array_column($change['attribute_changes'], 'to'), TRUE)) {
          return TRUE;
        }
      }
    }
    return FALSE;
  }

  private static function createInWeb(string $last, ?string $base): array {
    return self::$a->web('return [PHP_SAPI, civicrm_api4("Contact", "create", ["checkPermissions" => FALSE, "values" => ["contact_type" => "Individual", "first_name" => "Imme", "last_name" => $last]])->first()["id"]];', ['last' => $last], $base);
  }

  public function test_under_fpm_a_save_is_sent_without_a_job(): void {
    $base = $this->needFpm();
    $last = self::name('Fpm');

    [$sapi] = self::createInWeb($last, $base);

    self::assertSame('fpm-fcgi', $sapi);
    self::assertTrue(self::arrives(self::$quick, $last, 10));
  }

  public function test_under_fpm_a_peering_that_is_not_immediate_waits_for_the_job(): void {
    $base = $this->needFpm();
    $last = self::name('Fpm');

    self::createInWeb($last, $base);
    self::assertTrue(self::arrives(self::$quick, $last, 10));
    self::assertFalse(self::arrives(self::$slow, $last, 0.5));

    self::$a->send();
    self::assertTrue(self::arrives(self::$slow, $last, 1));
  }

  public function test_under_fpm_nobody_waits_for_the_peer(): void {
    $base = $this->needFpm();
    self::createInWeb(self::name('Warm'), $base);
    self::$quick->answer(['status' => 202, 'delay' => 4]);
    $last = self::name('Fpm');

    $before = microtime(TRUE);
    self::createInWeb($last, $base);
    $took = microtime(TRUE) - $before;

    self::assertLessThan(3.5, $took);
    self::assertTrue(self::arrives(self::$quick, $last, 10));
    self::$quick->answer('accept');
  }

  public function test_under_fpm_a_save_that_was_rolled_back_is_not_sent(): void {
    $base = $this->needFpm();
    $last = self::name('Never');

    self::$a->web('$transaction = new CRM_Core_Transaction();
      civicrm_api4("Contact", "create", ["checkPermissions" => FALSE, "values" => ["contact_type" => "Individual", "first_name" => "Imme", "last_name" => $last]]);
      $transaction->rollback()->commit();', ['last' => $last], $base);

    self::assertFalse(self::arrives(self::$quick, $last, 1));
  }

  public function test_elsewhere_the_next_job_sends_it(): void {
    $last = self::name('Later');

    [$sapi] = self::createInWeb($last, NULL);
    if (in_array($sapi, ['fpm-fcgi', 'litespeed'], TRUE)) {
      $this->skip("the web server of this site ($sapi) can finish a page early");
    }

    self::assertFalse(self::arrives(self::$quick, $last, 0.5));
    self::$a->send();
    self::assertTrue(self::arrives(self::$quick, $last, 1));
  }

}

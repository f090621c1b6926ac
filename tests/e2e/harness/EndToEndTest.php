<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

use PHPUnit\Framework\TestCase;

/**
 * A test on two linked sites, $a and $b.
 */
abstract class EndToEndTest extends TestCase {

  protected static Site $a;

  protected static Site $b;

  public static function setUpBeforeClass(): void {
    [self::$a, self::$b] = Network::pair();
  }

  /**
   * A name that no other test uses.
   */
  protected static function name(string $beginning = 'Test'): string {
    static $count = 0;
    return $beginning . ' ' . base_convert((string) getmypid(), 10, 36) . 'x' . ++$count . base_convert((string) time(), 10, 36);
  }

  /**
   * What a test needs and does not find is said aloud: a skipped test proves nothing.
   */
  protected function skip(string $reason): void {
    fwrite(STDERR, "\nSKIPPED " . static::class . '::' . $this->getName() . ": $reason\n");
    $this->markTestSkipped($reason);
  }

  protected function needEnv(Site $site, string ...$names): void {
    foreach ($names as $name) {
      if ($site->env($name) === NULL) {
        $this->skip("$name is not set for {$site->name}");
      }
    }
  }

  /**
   * Sends from one site and applies on the other.
   *
   * @return string
   *   What the two jobs said.
   */
  protected static function deliver(Site $from, Site $to): string {
    return json_encode([$from->send()['values'], $to->process()['values']], JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE);
  }

  /**
   * A person of the first site who has arrived on the second.
   *
   * @return int[]
   *   IDs here and there.
   */
  protected static function sharedPerson(array $values = []): array {
    $id = self::$a->create($values + ['first_name' => 'Anna', 'last_name' => self::name()]);
    $said = self::deliver(self::$a, self::$b);
    $there = self::$b->counterpart(self::$a, $id);
    self::assertNotNull($there, "the contact has not arrived: $said");
    return [$id, $there];
  }

  /**
   * The contact has these values.
   */
  protected static function assertContact(array $values, Site $site, ?int $id, string $message = ''): void {
    self::assertNotNull($id, "$message: there is no such contact on {$site->name}");
    $contact = $site->contact($id, [...array_keys($values), 'id']);
    self::assertNotNull($contact, "$message: contact $id is not on {$site->name}");
    self::assertEquals($values, array_intersect_key($contact, $values), $message);
  }

}

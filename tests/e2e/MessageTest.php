<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

use PHPUnit\Framework\TestCase;

/**
 * The messages that the tests make by hand are those of the protocol: held against the vectors.
 */
final class MessageTest extends TestCase {

  public function vectors(): array {
    return array_map(fn($vector) => [$vector], json_decode(file_get_contents(__DIR__ . '/../vectors/messages.json'), TRUE));
  }

  /**
   * @dataProvider vectors
   */
  public function test_a_message_made_by_hand_is_the_one_of_the_vectors(array $vector): void {
    $message = json_decode($vector['body']);
    $headers = $vector['headers'];

    self::assertSame($vector['canonical_payload'], Jcs::encode($message->payload));
    self::assertSame($vector['payload_signature'], Message::payloadSignature($message->payload, $vector['secret']));
    self::assertSame($headers['webhook-signature'], Message::headerSignature($headers['webhook-id'], $headers['webhook-timestamp'], $vector['body'], $vector['secret']));
    foreach ($message->payload->changes as $number => $change) {
      self::assertSame($vector['change_signatures'][$number], Message::loopSignature($change, $message->payload->sender));
    }
  }

}

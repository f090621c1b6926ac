<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * Messages made by hand from protocol.md, with PHP's own functions: the native module is what they test.
 */
final class Message {

  public static function key(string $secret): string {
    return strncmp($secret, 'whsec_', 6) === 0 ? base64_decode(substr($secret, 6), TRUE) : $secret;
  }

  /**
   * @param array|object $payload
   */
  public static function payloadSignature($payload, string $secret): string {
    return base64_encode(hash_hmac('sha512', Jcs::encode($payload), self::key($secret), TRUE));
  }

  public static function headerSignature(string $id, string $time, string $body, string $secret): string {
    return 'v1,' . base64_encode(hash_hmac('sha256', "$id.$time.$body", self::key($secret), TRUE));
  }

  /**
   * @param array|object $change
   */
  public static function loopSignature($change, string $sender): string {
    $change = (array) $change;
    unset($change['loop_detection']);
    return base64_encode(hash('sha512', Jcs::encode(['change' => $change, 'sender' => $sender]), TRUE));
  }

  /**
   * A change with its loop signature, ready to be sent by $sender.
   */
  public static function signed(array $change, string $sender, array $chain = []): array {
    return $change + ['loop_detection' => [...$chain, self::loopSignature($change, $sender)]];
  }

  /**
   * The body of a message.
   */
  public static function body(string $id, array $payload, string $secret): string {
    return json_encode(
      ['id' => $id, 'payload_signature' => self::payloadSignature($payload, $secret), 'payload' => $payload],
      JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE
    );
  }

  /**
   * @return array<string, string>
   */
  public static function headers(string $id, string $sender, string $body, string $secret, ?int $time = NULL): array {
    $time = (string) ($time ?? time());
    return [
      'Content-Type' => 'application/json',
      'civishare-sender' => $sender,
      'webhook-id' => $id,
      'webhook-timestamp' => $time,
      'webhook-signature' => self::headerSignature($id, $time, $body, $secret),
    ];
  }

  /**
   * UUID version 7.
   */
  public static function uuid(): string {
    $bytes = substr(pack('J', (int) (microtime(TRUE) * 1000)), 2) . random_bytes(10);
    $bytes[6] = chr(ord($bytes[6]) & 0x0f | 0x70);
    $bytes[8] = chr(ord($bytes[8]) & 0x3f | 0x80);
    return vsprintf('%s%s-%s-%s-%s-%s%s%s', str_split(bin2hex($bytes), 4));
  }

}

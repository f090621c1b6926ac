<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * An HTTP answer.
 */
final class Answer {

  /**
   * @param array<string, string> $headers
   *   By name in small letters.
   */
  public function __construct(public readonly int $status, public readonly array $headers, public readonly string $body) {
  }

  public function json(): array {
    $json = json_decode($this->body, TRUE);
    return is_array($json) ? $json : [];
  }

  /**
   * Is it signed as the protocol wants it, by who holds this secret?
   */
  public function isSignedWith(string $secret): bool {
    $id = $this->headers['webhook-id'] ?? '';
    $time = $this->headers['webhook-timestamp'] ?? '';
    return $id !== '' && ($this->json()['in_reply_to'] ?? NULL) === $id && abs((int) $time - time()) <= 300
      && in_array(Message::headerSignature($id, $time, $this->body, $secret), explode(' ', $this->headers['webhook-signature'] ?? ''), TRUE);
  }

}

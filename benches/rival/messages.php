<?php
declare(strict_types = 1);

/** What delivery and intake do to messages, in PHP. Stored texts are canonical, so they are joined and never decoded. */
final class RivalMessages {

  private const MAX_CHANGES = 1000;
  private const MAX_BYTES = 1 << 20;
  private const CLOCK_TOLERANCE_MS = 3600000;
  private const TIME = '/^(\d{4})-(\d\d)-(\d\d)T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:[+-]\d\d:\d\d|Z)$/D';

  private string $key;

  /**
   * @var array<string, bool>
   */
  private array $names = [];

  /**
   * @var array<string, int|float>
   */
  private array $versions = [];

  public function __construct(private string $node, private string $remote, string $secret, private string $epoch, private int $now) {
    $this->key = base64_decode(substr($secret, strlen('whsec_')), TRUE);
  }

  /**
   * Queued changes as signed messages.
   *
   * @param string[] $texts
   * @param ?array<string, int> $allowed
   *   The attributes that a filter lets through, as keys.
   *
   * @return array<array{0: string, 1: array<string, string>}>
   */
  public function send(array $texts, ?array $allowed = NULL): array {
    $messages = $batch = [];
    $bytes = 0;
    foreach ($texts as $text) {
      if ($allowed !== NULL) {
        $text = $this->filtered($text, $allowed);
        if ($text === NULL) {
          continue;
        }
      }
      $length = strlen($text);
      if ($batch !== [] && (count($batch) >= self::MAX_CHANGES || $bytes + 1 + $length > self::MAX_BYTES)) {
        $messages[] = $this->sign($batch, count($messages));
        $batch = [];
        $bytes = 0;
      }
      $bytes += $length + ($batch === [] ? 0 : 1);
      $batch[] = $text;
    }
    $messages[] = $this->sign($batch, count($messages));
    return $messages;
  }

  private function sign(array $texts, int $index): array {
    $id = "bench-$index";
    $text = fn(string $value) => json_encode($value, RivalJson::FLAGS);
    $payload = '{"changes":[' . implode(',', $texts) . '],"epoch":' . $text($this->epoch) . ',"protocol":"civishare/1","recipient":' . $text($this->remote)
      . ',"sender":' . $text($this->node) . ',"sent":' . $text(rival_time($this->now)) . ',"seq":' . ($index + 1) . ',"service":"changes"}';
    $body = '{"id":' . $text($id) . ',"payload":' . $payload . ',"payload_signature":"' . base64_encode(hash_hmac('sha512', $payload, $this->key, TRUE)) . '"}';
    $seconds = intdiv($this->now, 1000);
    return [
      $body,
      [
        'civishare-sender' => $this->node,
        'webhook-id' => $id,
        'webhook-timestamp' => (string) $seconds,
        'webhook-signature' => 'v1,' . base64_encode(hash_hmac('sha256', "$id.$seconds.$body", $this->key, TRUE)),
      ],
    ];
  }

  /** The change without the attributes that are not let through, signed anew. Decoding keeps the order, so it stays canonical. */
  private function filtered(string $text, array $allowed): ?string {
    $change = json_decode($text, TRUE, 32, JSON_THROW_ON_ERROR);
    $all = $change['attribute_changes'];
    $left = [];
    foreach ($all as $attribute) {
      if (isset($allowed[$attribute['name']])) {
        $left[] = $attribute;
      }
    }
    if ($left === [] && $all !== [] && $change['operation'] === 'update' && !isset($change['same_as'])) {
      return NULL;
    }
    $change['attribute_changes'] = $left;
    array_pop($change['loop_detection']);
    return rival_seal($change, $this->node);
  }

  /**
   * Verifies a message and its changes as protocol.md, "Receiving", has it before the inbox: header signature, I-JSON, payload
   * signature, the shape of each change, whether its type and attributes are let in, its clock, its chain and loop signature.
   *
   * PHP's decoder refuses invalid UTF-8, lone surrogates and what nests too deep, but keeps one of two members of the same name. So the
   * changes are encoded again, each once: the texts are needed for both signatures anyway, and where together they are what
   * came, nothing was doubled.
   *
   * @param array<string, ?array<string, int>> $typesIn
   *   The change types that are let in, with their attributes as keys, or NULL for all.
   *
   * @return ?string[]
   *   The canonical texts of the good changes; NULL if the message is refused.
   */
  public function receive(array $headers, string $body, array $typesIn): ?array {
    // Each message comes by a request of its own, which begins with nothing in memory.
    $this->names = $this->versions = [];
    $signed = "{$headers['webhook-id']}.{$headers['webhook-timestamp']}.$body";
    if (!hash_equals('v1,' . base64_encode(hash_hmac('sha256', $signed, $this->key, TRUE)), $headers['webhook-signature']) || abs(time() - (int) $headers['webhook-timestamp']) > 300) {
      return NULL;
    }
    $message = json_decode($body, TRUE, 33, JSON_THROW_ON_ERROR);
    $payload = RivalJson::sorted($message['payload']);
    $sender = json_encode($payload['sender'], RivalJson::FLAGS);
    $latest = (int) (microtime(TRUE) * 1000) + self::CLOCK_TOLERANCE_MS;
    $all = $good = $ids = [];
    foreach ($payload['changes'] as $change) {
      $all[] = $text = json_encode($change, RivalJson::FLAGS);
      if (!$this->isGood($change, $typesIn, $latest)) {
        continue;
      }
      $chain = $change['loop_detection'];
      // What stands within a string has its quotes escaped, so this finds members only.
      $plain = str_replace('"loop_detection":' . json_encode($chain, RivalJson::FLAGS) . ',', '', $text, $found);
      if ($found !== 1) {
        unset($change['loop_detection']);
        $plain = json_encode($change, RivalJson::FLAGS);
      }
      $own = base64_encode(hash('sha512', '{"change":' . $plain . ',"sender":' . $sender . '}', TRUE));
      if (hash_equals($own, end($chain)) && ($ids[$change['change_id']] ??= $own) === $own) {
        $good[] = $text;
      }
    }
    unset($payload['changes']);
    $canonical = '{"changes":[' . implode(',', $all) . '],' . substr(json_encode($payload, RivalJson::FLAGS), 1);
    if (!hash_equals(base64_encode(hash_hmac('sha512', $canonical, $this->key, TRUE)), $message['payload_signature'])) {
      return NULL;
    }
    if ($body !== '{"id":' . json_encode($message['id'], RivalJson::FLAGS) . ',"payload":' . $canonical . ',"payload_signature":"' . $message['payload_signature'] . '"}') {
      throw new LogicException('PHP would have to look for doubled names by a parser of its own here.');
    }
    if ($message['id'] !== $headers['webhook-id'] || $payload['recipient'] !== $this->remote || $payload['sender'] !== $headers['civishare-sender'] || $payload['protocol'] !== 'civishare/1' || $payload['service'] !== 'changes') {
      return NULL;
    }
    return $good;
  }

  /** Whether a change is well-formed and let in. What the benchmark does not send (delete, merge, identity, other UIDs) is not taken. */
  private function isGood(array $change, array $typesIn, int $latest): bool {
    if (!in_array($change['operation'] ?? NULL, ['update', 'create'], TRUE) || !array_key_exists($change['type'] ?? '', $typesIn)
      || !$this->isName($change['change_id'] ?? NULL) || !$this->isName($change['entity'] ?? NULL)
      || !is_string($change['entity_uid'] ?? NULL) || !preg_match('/^[A-Za-z0-9_-]{1,64}$/D', $change['entity_uid'])
      || !is_string($change['timestamp'] ?? NULL) || !preg_match(self::TIME, $change['timestamp'], $date) || !checkdate((int) $date[2], (int) $date[3], (int) $date[1])
      || !is_array($change['attribute_changes'] ?? NULL) || !is_array($change['loop_detection'] ?? NULL) || count($change['loop_detection']) > 32
      || isset($change['version']) || isset($change['identity']) || isset($change['same_as']) || isset($change['merged_uid'])) {
      return FALSE;
    }
    $allowed = $typesIn[$change['type']];
    $seen = [];
    foreach ($change['attribute_changes'] as $attribute) {
      $name = $attribute['name'] ?? NULL;
      $version = $attribute['version'] ?? NULL;
      $from = $attribute['from_version'] ?? NULL;
      // Names and versions come again and again in a message, so each is looked at once.
      if (!is_string($name) || !($this->names[$name] ??= $this->isName($name)) || isset($seen[$name]) || ($allowed !== NULL && !isset($allowed[$name]))
        || !array_key_exists('to', $attribute) || !$this->isValue($attribute['to']) || !$this->isValue($attribute['from'] ?? NULL)
        || !is_string($version) || ($this->versions[$version] ??= $this->reading($version)) > $latest
        || ($from !== NULL && (!is_string($from) || ($this->versions[$from] ??= $this->reading($from)) === INF))) {
        return FALSE;
      }
      $seen[$name] = TRUE;
    }
    foreach ($change['loop_detection'] as $entry) {
      if (!is_string($entry) || strlen((string) base64_decode($entry, TRUE)) !== 64) {
        return FALSE;
      }
    }
    return TRUE;
  }

  private function isValue(mixed $value): bool {
    if (!is_array($value)) {
      return TRUE;
    }
    foreach ($value as $element) {
      if (is_array($element)) {
        return FALSE;
      }
    }
    return array_is_list($value);
  }

  private function isName(mixed $name): bool {
    return is_string($name) && $name !== '' && strlen($name) <= 255 && !preg_match('/[\x00-\x1f\x7f]|\xc2[\x80-\x9f]/', $name);
  }

  /** Milliseconds of a version; INF where it is none. */
  private function reading(string $version): int|float {
    $is = preg_match('/^(0|[1-9]\d{0,14})\.(0|[1-9]\d{0,9})@[\x21-\x7e]{1,255}$/D', $version, $parts);
    return $is && $parts[1] < 1 << 48 && $parts[2] < 1 << 32 ? (int) $parts[1] : INF;
  }

}

/** RFC 3339 in UTC, to the millisecond. */
function rival_time(int $ms): string {
  return gmdate('Y-m-d\TH:i:s', intdiv($ms, 1000)) . sprintf('.%03d+00:00', $ms % 1000);
}

/**
 * The canonical text of a change whose members stand in canonical order, with its own loop signature behind its causes'.
 *
 * @param array $change
 *   `loop_detection` holds the causes' signatures.
 */
function rival_seal(array $change, string $node): string {
  $chain = $change['loop_detection'];
  $plain = $change;
  unset($plain['loop_detection']);
  $text = '{"change":' . json_encode($plain, RivalJson::FLAGS) . ',"sender":' . json_encode($node, RivalJson::FLAGS) . '}';
  $chain[] = base64_encode(hash('sha512', $text, TRUE));
  $change['loop_detection'] = $chain;
  return json_encode($change, RivalJson::FLAGS);
}

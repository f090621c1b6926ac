<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * A node made by hand from protocol.md: it listens, keeps what it is sent, answers as it is told to, and sends what it is given.
 *
 * Nothing of the native module is in it, so that the two do not agree on the same mistake.
 */
final class Peer {

  public readonly string $url;

  public readonly string $secret;

  public string $epoch;

  /**
   * Number of the last message that was taken.
   */
  public int $seq = 0;

  private readonly string $folder;

  /**
   * @var resource
   */
  private $server;

  /**
   * @param string $identifier
   *   Its name in the network.
   * @param Site $site
   *   Whom it talks to.
   */
  /**
   * How far the clock of its versions is ahead, in milliseconds.
   */
  public int $ahead = 0;

  public function __construct(public readonly string $identifier, private readonly Site $site, ?string $secret = NULL) {
    $this->secret = $secret ?? 'whsec_' . base64_encode(random_bytes(32));
    $this->epoch = Message::uuid();
    $this->folder = sys_get_temp_dir() . '/civishare-peer-' . bin2hex(random_bytes(6));
    mkdir($this->folder);
    $this->answer('accept');
    $port = Ports::free();
    $this->url = "http://127.0.0.1:$port/peer";
    $this->server = proc_open(
      ['env', "CIVISHARE_PEER=$this->folder", PHP_BINARY, '-n', '-d', 'extension=mbstring', '-S', "127.0.0.1:$port", __DIR__ . '/peer-front.php'],
      [['file', '/dev/null', 'r'], ['file', "$this->folder/log", 'w'], ['file', "$this->folder/log", 'w']], $pipes
    );
    // Also where a test fails before it has stopped its peer.
    register_shutdown_function([$this, 'stop']);
    Ports::await($port);
  }

  public function stop(): void {
    if (is_resource($this->server)) {
      proc_terminate($this->server);
      proc_close($this->server);
      array_map('unlink', glob("$this->folder/*"));
      rmdir($this->folder);
    }
  }

  // ---- listening ----

  /**
   * How it answers from now on: "accept", or ['status' => …, 'headers' => …, 'body' => …, 'sign' => bool].
   *
   * @param string|array $how
   */
  public function answer($how): void {
    $settings = ['identifier' => $this->identifier, 'secret' => $this->secret, 'how' => $how];
    file_put_contents("$this->folder/new", json_encode($settings));
    rename("$this->folder/new", "$this->folder/settings.json");
  }

  /**
   * Everything that came in so far: ['headers', 'body', 'verified' => bool].
   *
   * @return array[]
   */
  public function requests(): array {
    $file = "$this->folder/requests";
    return array_map(fn($line) => json_decode($line, TRUE), is_file($file) ? file($file) : []);
  }

  /**
   * The changes in what came in, verified, in order; of one entity only if a UID is given.
   *
   * @return array[]
   */
  public function changes(?string $uid = NULL): array {
    $changes = [];
    foreach ($this->requests() as $request) {
      if ($request['verified'] && $request['taken']) {
        foreach (json_decode($request['body'], TRUE)['payload']['changes'] ?? [] as $change) {
          if ($uid === NULL || $change['entity_uid'] === $uid || in_array($uid, $change['same_as'] ?? [], TRUE)) {
            $changes[] = $change;
          }
        }
      }
    }
    return $changes;
  }

  /**
   * Forgets what came in.
   */
  public function clear(): void {
    @unlink("$this->folder/requests");
  }

  // ---- sending ----

  /**
   * A change of a contact, complete and signed.
   *
   * @param array $attributes
   *   Name => value.
   * @param array $more
   *   Members that replace or join the usual ones; NULL leaves one out.
   */
  public function change(string $uid, array $attributes, string $operation = 'update', array $more = [], array $chain = []): array {
    static $counter = 0;
    $version = (int) (microtime(TRUE) * 1000) + $this->ahead . '.' . $counter++ . '@' . $this->identifier;
    $changes = [];
    foreach ($attributes as $name => $value) {
      $changes[] = ['name' => $name, 'from' => NULL, 'to' => $value, 'version' => $version];
    }
    $change = array_filter($more + [
      'type' => Site::CONTACT_BASE,
      'change_id' => Message::uuid(),
      'timestamp' => date('Y-m-d\TH:i:s.vP'),
      'operation' => $operation,
      'entity' => 'Contact',
      'entity_uid' => $uid,
      'entity_reference' => '1',
      'attribute_changes' => $changes,
      'version' => in_array($operation, ['delete', 'merge'], TRUE) ? $version : NULL,
    ], fn($member) => $member !== NULL);
    return Message::signed($change, $this->identifier, $chain);
  }

  /**
   * A person who exists nowhere yet.
   */
  public function newPerson(array $attributes, ?string $uid = NULL): array {
    return $this->change($uid ?? Message::uuid(), $attributes + ['contact_type' => 'Individual'], 'create');
  }

  /**
   * The payload of the next message.
   */
  public function payload(array $changes, array $more = []): array {
    return array_filter($more + [
      'protocol' => 'civishare/1',
      'service' => 'changes',
      'sender' => $this->identifier,
      'recipient' => $this->site->identifier,
      'epoch' => $this->epoch,
      'seq' => $this->seq + 1,
      'sent' => date(DATE_RFC3339),
      'changes' => $changes,
    ], fn($member) => $member !== NULL);
  }

  /**
   * Sends a message with these changes; whether it is taken counts its seq up.
   *
   * @param array $more
   *   Members of the payload that replace the usual ones.
   * @param array $how
   *   'id', 'secret' (to sign with), 'header_secret', 'time', 'headers' (replaced), 'body' (after signing the payload: a function).
   */
  public function post(array $changes, array $more = [], array $how = []): Answer {
    $id = $how['id'] ?? Message::uuid();
    $body = Message::body($id, $this->payload($changes, $more), $how['secret'] ?? $this->secret);
    if (isset($how['body'])) {
      $body = $how['body']($body);
    }
    $answer = $this->raw($body, $id, $how);
    if (in_array($answer->status, [200, 202], TRUE) && empty($answer->json()['duplicate'])) {
      $this->seq++;
    }
    return $answer;
  }

  /**
   * Sends any bytes with headers that are right for them.
   */
  public function raw(string $body, ?string $id = NULL, array $how = []): Answer {
    $id ??= Message::uuid();
    $headers = Message::headers($id, $this->identifier, $body, $how['header_secret'] ?? $how['secret'] ?? $this->secret, $how['time'] ?? NULL);
    $headers = array_filter(($how['headers'] ?? []) + $headers, fn($value) => $value !== NULL);
    $service = $how['service'] ?? 'changes';
    return Http::post($how['url'] ?? $this->site->endpoint . "/$service", ($how['encode'] ?? fn($body) => $body)($body), $headers);
  }

}

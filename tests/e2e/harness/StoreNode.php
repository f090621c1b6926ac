<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

use CiviShare\Core;
use CiviShare\Store;

/**
 * A node without CiviCRM: the native module's store and core around an array of contacts. Stands in for sites three and four.
 *
 * Its endpoint runs in a server of its own (store-node-front.php); all else happens in the tests' process, which therefore needs
 * the native module.
 */
final class StoreNode {

  const DEFAULTS = ['is_deleted' => FALSE, 'do_not_email' => FALSE, 'do_not_phone' => FALSE, 'do_not_mail' => FALSE, 'do_not_sms' => FALSE, 'do_not_trade' => FALSE, 'is_opt_out' => FALSE, 'is_deceased' => FALSE];

  public readonly string $endpoint;

  /**
   * UID => how often a received change wrote something.
   *
   * @var array<string, int>
   */
  public array $writes = [];

  /**
   * Another program on this node: gets what was written and what is held, gives what it changes besides.
   *
   * @var callable|null
   */
  public $derive = NULL;

  /**
   * Finds an entity that a new one is meant to be: gets its values, gives an ID or NULL.
   *
   * @var callable|null
   */
  public $match = NULL;

  private readonly string $folder;

  private readonly string $instance;

  private readonly Store $store;

  /**
   * @var resource
   */
  private $server;

  /**
   * @var array<int, array>
   *   As Store takes them, for sending and receiving alike.
   */
  private array $peerings = [];

  /**
   * @var array<int, array>
   *   ID => ['values', 'state' => ?string, 'uids' => string[]].
   */
  private array $entities = [];

  private int $row = 0;

  public function __construct(public readonly string $identifier) {
    $this->folder = sys_get_temp_dir() . '/civishare-node-' . bin2hex(random_bytes(6));
    mkdir($this->folder);
    $this->instance = Message::uuid();
    $this->store = new Store("$this->folder/store.sqlite", $identifier);
    $this->configure();
    $port = Ports::free();
    $this->endpoint = "http://127.0.0.1:$port/node";
    $this->server = proc_open(
      ['env', "CIVISHARE_NODE=$this->folder", PHP_BINARY, '-n', '-d', 'extension=' . getenv('CIVISHARE_SO'), '-S', "127.0.0.1:$port", __DIR__ . '/store-node-front.php'],
      [['file', '/dev/null', 'r'], ['file', "$this->folder/log", 'w'], ['file', "$this->folder/log", 'w']], $pipes
    );
    Ports::await($port);
  }

  public static function available(): bool {
    return class_exists(Store::class, FALSE) && getenv('CIVISHARE_SO');
  }

  public function stop(): void {
    if (is_resource($this->server)) {
      proc_terminate($this->server);
      proc_close($this->server);
      array_map('unlink', glob("$this->folder/*"));
      rmdir($this->folder);
    }
  }

  /**
   * Links this node with another one. The other side is told by the caller.
   */
  public function peer(string $remote, string $url, string $secret): int {
    $id = count($this->peerings) + 1;
    $types = [Site::CONTACT_BASE => NULL];
    $this->peerings[$id] = ['id' => $id, 'remote' => $remote, 'url' => $url, 'secrets' => [$secret], 'types_out' => $types, 'types_in' => $types, 'rule' => 'latest', 'ended' => FALSE, 'simple' => FALSE];
    $this->store->begin($id);
    $this->configure();
    return $id;
  }

  // ---- what people do here ----

  /**
   * @return int
   *   The contact's ID.
   */
  public function create(array $values): int {
    $this->entities[] = ['values' => $values + ['contact_type' => 'Individual'] + self::DEFAULTS, 'state' => NULL, 'uids' => []];
    $id = array_key_last($this->entities);
    $this->settle($id, 'create', $this->entities[$id]['values'], []);
    return $id;
  }

  /**
   * A contact that was here before anything was shared.
   */
  public function keep(array $values): int {
    $this->entities[] = ['values' => $values + ['contact_type' => 'Individual'] + self::DEFAULTS, 'state' => NULL, 'uids' => []];
    return array_key_last($this->entities);
  }

  public function update(int $id, array $values): void {
    $before = array_intersect_key($this->entities[$id]['values'] + array_fill_keys(array_keys($values), NULL), $values);
    $this->entities[$id]['values'] = $values + $this->entities[$id]['values'];
    $this->settle($id, 'update', $values, $before);
  }

  // ---- what is held ----

  public function byUid(string $uid): ?int {
    foreach ($this->entities as $id => $entity) {
      if (in_array($uid, $entity['uids'], TRUE)) {
        return $id;
      }
    }
    return NULL;
  }

  public function uid(int $id): ?string {
    return $this->entities[$id]['uids'][0] ?? NULL;
  }

  /**
   * @return string[]
   */
  public function uids(int $id): array {
    return $this->entities[$id]['uids'];
  }

  public function contact(int $id): array {
    return $this->entities[$id]['values'];
  }

  /**
   * IDs of the contacts with this last name.
   *
   * @return int[]
   */
  public function named(string $last): array {
    return array_keys(array_filter($this->entities, fn($entity) => ($entity['values']['last_name'] ?? NULL) === $last));
  }

  public function store(): array {
    return $this->store->status();
  }

  // ---- the two jobs ----

  public function send(): array {
    return $this->store->send(array_values($this->peerings), ['deadline' => 20000]);
  }

  public function process(): void {
    while (($claims = $this->store->claim(100, 60000)) !== []) {
      foreach ($claims as $claim) {
        $this->store->finish([['inbox' => $claim['inbox']] + $this->apply($claim)]);
      }
    }
  }

  private function apply(array $claim): array {
    $id = $this->find([$claim['uid'], ...$claim['same_as'], ...array_filter([$claim['merged_uid']])]);
    if ($claim['links_only'] && $id === NULL) {
      return ['outcome' => 'ignored'];
    }
    $values = array_column(json_decode($claim['change'], TRUE)['attribute_changes'] ?? [], 'to', 'name');
    $linked = FALSE;
    if ($id === NULL && $claim['operation'] === 'create' && $this->match !== NULL) {
      $id = ($this->match)($values);
      $linked = $id !== NULL;
    }
    $decision = Core::decide($claim['change'], $id === NULL ? NULL : $this->entities[$id]['state'], [
      'node' => $this->identifier,
      'now' => self::now(),
      'peering' => $claim['peering'],
      'came_round' => $claim['came_round'],
      'defaults' => self::DEFAULTS,
    ] + ($linked ? ['linked_now' => TRUE, 'current' => $this->entities[$id]['values']] : []));
    if (in_array($decision['verdict'], ['reject', 'wait'], TRUE)) {
      return $decision['verdict'] === 'wait' ? ['outcome' => 'wait', 'until' => $decision['until']] : ['outcome' => 'dead', 'reason' => $decision['reason']];
    }
    $created = $id === NULL;
    if ($created) {
      $this->entities[] = ['values' => self::DEFAULTS, 'state' => NULL, 'uids' => []];
      $id = array_key_last($this->entities);
    }
    $this->write($id, $claim, $decision, $created, $linked);
    return ['outcome' => 'applied'];
  }

  private function write(int $id, array $claim, array $decision, bool $created, bool $linked): void {
    $entity = &$this->entities[$id];
    $before = $entity['values'];
    if ($decision['verdict'] === 'write' && $decision['write'] !== []) {
      $entity['values'] = $decision['write'] + $entity['values'];
      $this->writes[$claim['uid']] = ($this->writes[$claim['uid']] ?? 0) + 1;
    }
    $derived = $this->derive === NULL || $decision['write'] === [] ? [] : ($this->derive)($decision['write'], $entity['values']);
    $entity['values'] = $derived + $entity['values'];
    // What was made of a received value is this node's rendering of it.
    $derived = array_diff_key($derived, $decision['write']);
    $derived += array_intersect_key($entity['values'], array_flip($decision['contribute']));
    $forwarded = Core::forward([
      'node' => $this->identifier,
      'instance' => $this->instance,
      'row' => ++$this->row,
      'change' => $claim['change'],
      'state' => $decision['state'],
      'reference' => (string) $id,
      'origin' => $claim['peering'],
      'advanced' => $decision['advanced'],
      'new_uids' => $decision['new_uids'],
      'came_round' => $claim['came_round'],
      'linked_now' => $linked,
      'time' => self::now(),
      'derived' => ['before' => array_intersect_key($before, $derived), 'after' => $derived],
      'peerings' => array_keys($this->peerings),
      'all' => $created || $linked || Core::wants($decision['state'], array_keys($this->peerings)) ? $entity['values'] : NULL,
      'defaults' => self::DEFAULTS,
    ]);
    $entity['state'] = $forwarded['state'];
    $entity['uids'] = $forwarded['uids'];
    $this->store->enqueue($forwarded['changes']);
  }

  private function settle(int $id, string $operation, array $after, array $before): void {
    $settled = Core::settle([
      'node' => $this->identifier,
      'instance' => $this->instance,
      'type' => Site::CONTACT_BASE,
      'entity' => 'Contact',
      'reference' => (string) $id,
      'state' => $this->entities[$id]['state'],
      'operation' => $operation,
      'rows' => [['id' => ++$this->row, 'time' => self::now(), 'attributes' => $operation === 'create' ? [] : array_keys($after)]],
      'before' => $before,
      'after' => Core::wants($this->entities[$id]['state'], array_keys($this->peerings)) ? $this->entities[$id]['values'] : $after,
      'defaults' => self::DEFAULTS,
      'peerings' => array_keys($this->peerings),
    ]);
    if ($settled !== NULL) {
      $this->entities[$id]['state'] = $settled['state'];
      $this->entities[$id]['uids'] = $settled['uids'];
      $this->store->enqueue($settled['changes']);
    }
  }

  /**
   * @param string[] $uids
   */
  private function find(array $uids): ?int {
    foreach ($uids as $uid) {
      $id = $this->byUid($uid);
      if ($id !== NULL) {
        return $id;
      }
    }
    return NULL;
  }

  private function configure(): void {
    file_put_contents("$this->folder/new", json_encode(['node' => $this->identifier, 'peerings' => array_column($this->peerings, NULL, 'remote')]));
    rename("$this->folder/new", "$this->folder/node.json");
  }

  private static function now(): int {
    return (int) (microtime(TRUE) * 1000);
  }

}

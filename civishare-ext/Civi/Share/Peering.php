<?php
declare(strict_types = 1);

namespace Civi\Share;

use Civi\Share\Shape\Shape;
use Civi\Share\Type\ChangeType;
use Civi\Share\Type\Registry;

/**
 * One peering as the rest of the extension needs it, and the shapes in which the native module wants it.
 *
 * Peerings are read once per request. Their secrets stay sealed until something is sent or received.
 */
final class Peering {

  /**
   * For so long an ended peering still answers, with 410, under its old key (protocol.md, "Receiving").
   */
  const ENDED_DAYS = 90;

  /**
   * @param array<string, array|null> $typesOut
   *   Change type => names of the attributes that go out, NULL for all.
   * @param array<string, array|null> $typesIn
   * @param array<string, \Civi\Share\Shape\Shape> $shapesOut
   *   Change type => in which words it goes out; without those that go as they are.
   * @param array<string, \Civi\Share\Shape\Shape> $shapesIn
   * @param array<string, \Civi\Share\Filter\Filter> $filters
   *   Change type => which entities of it go out; without those of which all do.
   * @param string[] $sealed
   *   The current secret and, while the sites change over, the next one.
   */
  private function __construct(
    public readonly int $id,
    public readonly string $local,
    public readonly string $remote,
    public readonly string $label,
    public readonly string $url,
    public readonly bool $enabled,
    public readonly bool $ended,
    public readonly array $typesOut,
    public readonly array $typesIn,
    private readonly array $shapesOut,
    private readonly array $shapesIn,
    public readonly array $filters,
    public readonly string $rule,
    public readonly string $delivery,
    public readonly bool $simple,
    public readonly array $options,
    private readonly array $sealed,
  ) {
  }

  /**
   * All peerings that are in use.
   *
   * @return self[]
   *   By id.
   */
  public static function enabled(): array {
    return array_filter(self::all(), function (self $peering): bool {
      return $peering->enabled && !$peering->ended;
    });
  }

  /**
   * IDs of the peerings in use that let a change type out. Asked on every save, so it opens no secret.
   *
   * @return int[]
   */
  public static function lettingOut(string $type): array {
    return array_keys(array_filter(self::enabled(), function (self $peering) use ($type): bool {
      return array_key_exists($type, $peering->typesOut);
    }));
  }

  /**
   * Is there a peering in use that wants its changes at the end of the request?
   */
  public static function anyImmediate(): bool {
    foreach (self::enabled() as $peering) {
      if ($peering->delivery === 'immediate') {
        return TRUE;
      }
    }
    return FALSE;
  }

  public static function byId(int $id): ?self {
    return self::all()[$id] ?? NULL;
  }

  /**
   * What \CiviShare\Store::send() takes: every peering in use that has an address and a secret that can be opened.
   */
  public static function allForSend(): array {
    $result = [];
    foreach (self::enabled() as $peering) {
      $shape = $peering->forSend();
      if ($shape['secrets'] !== [] && $peering->url !== '') {
        $result[] = $shape;
      }
    }
    return $result;
  }

  /**
   * This peering as \CiviShare\Store::send() and hello() take it. The types and rules are what this side says in a hello.
   */
  public function forSend(): array {
    return [
      'id' => $this->id,
      'remote' => $this->remote,
      'url' => $this->url,
      'secrets' => $this->secrets(),
      'types_out' => $this->allOut(),
      'types_in' => $this->allIn(),
      'rule' => $this->rule,
      'rules' => $this->rules(),
    ];
  }

  /**
   * What \CiviShare\Store::receive() takes for a message of this sender; NULL if its messages are not to be taken.
   */
  public static function forSender(string $identifier): ?array {
    foreach (self::all() as $peering) {
      if ($peering->remote === $identifier && ($peering->enabled || $peering->ended)) {
        $shape = $peering->forReceive();
        if ($shape['secrets'] !== []) {
          return $shape;
        }
      }
    }
    return NULL;
  }

  /**
   * This peering as \CiviShare\Store::receive() and answer() take it.
   */
  public function forReceive(): array {
    return [
      'id' => $this->id,
      'remote' => $this->remote,
      'secrets' => $this->secrets(),
      'ended' => $this->ended,
      'types_in' => $this->allIn(),
      'types_out' => $this->allOut(),
      'simple' => $this->simple,
      'rule' => $this->rule,
      'rules' => $this->rules(),
    ];
  }

  /**
   * How a received change of a type is put into this site's words, as \CiviShare\Core::take() wants it; NULL if it is in them.
   */
  public function wordsIn(string $type): ?array {
    $options = $this->optionMap();
    $shape = $this->shapesIn[$type] ?? NULL;
    return $shape === NULL && $options === [] ? NULL : Shape::facts($shape, Registry::type($type), NULL, $options);
  }

  /**
   * What is written instead of what is received.
   *
   * @return array<string, mixed>
   *   By attribute.
   */
  public function constantsIn(string $type): array {
    return $this->shapesIn[$type]->constant ?? [];
  }

  /**
   * Privacy flags that this peer may set and not lift.
   *
   * @return string[]
   */
  public function flagsNotLifted(ChangeType $type): array {
    return isset($this->shapesIn[$type->name]) ? $this->shapesIn[$type->name]->flags($type) : [];
  }

  /**
   * What peers find new contacts by, for those that need more than the contacts' own attributes.
   *
   * @return array<int, string[]>
   *   Peering in use => names.
   */
  public static function identities(): array {
    return \Civi::$statics[__CLASS__ . '.identities'] ??= array_filter(array_map(function (self $peering): array {
      return $peering->identity();
    }, self::enabled()));
  }

  /**
   * @return string[]
   */
  private function identity(): array {
    return array_values(array_filter((array) ($this->options['identity'] ?? []), 'is_string'));
  }

  /**
   * @return array<string, array|null>
   *   Change type => what the native module takes.
   */
  private function allOut(): array {
    // Of several of theirs that are one of ours, the first is the one to tell.
    $back = array_map(function (array $table): array {
      // PHP makes numbers of keys that look like one.
      return array_map('strval', array_flip(array_reverse($table, TRUE)));
    }, $this->optionMap());
    return $this->shaped($this->typesOut, $this->shapesOut, $back, $this->identity());
  }

  /**
   * @return array<string, array|null>
   */
  private function allIn(): array {
    return $this->shaped($this->typesIn, $this->shapesIn, $this->optionMap());
  }

  private function shaped(array $types, array $shapes, array $options, array $identity = []): array {
    foreach ($types as $name => $only) {
      $shape = $shapes[$name] ?? NULL;
      if ($shape !== NULL || $options !== [] || ($identity !== [] && $only !== NULL)) {
        $types[$name] = Shape::facts($shape, Registry::type($name), $only, $options, $identity);
      }
    }
    return $types;
  }

  /**
   * Options that have other names over there.
   *
   * @return array<string, array<array-key, string>>
   *   Option list => their name => ours.
   */
  private function optionMap(): array {
    return (array) ($this->options['option_map'] ?? []);
  }

  /**
   * Conflict rules of single change types.
   *
   * @return array<string, string>
   */
  private function rules(): array {
    return array_filter((array) ($this->options['rules'] ?? []), 'is_string');
  }

  /**
   * The rule for conflicts in changes of this type.
   */
  public function ruleFor(string $type): string {
    return (string) ($this->options['rules'][$type] ?? $this->rule);
  }

  /**
   * The secrets in the clear, the one to sign with first. One that can not be opened is left out and logged.
   *
   * @return string[]
   */
  private function secrets(): array {
    $secrets = [];
    foreach ($this->sealed as $sealed) {
      try {
        $secrets[] = Secrets::unseal($sealed);
      }
      catch (\Throwable $e) {
        \Civi::log()->error('CiviShare peering {id}: {message}', ['id' => $this->id, 'message' => $e->getMessage()]);
      }
    }
    return $secrets;
  }

  /**
   * Forgets what was read: a node or a peering has been written.
   */
  public static function flush(): void {
    unset(\Civi::$statics[__CLASS__], \Civi::$statics[__CLASS__ . '.identities']);
    Filter\Reach::flush();
    try {
      Type\Active::refresh();
    }
    catch (\Throwable $e) {
      // System Status tells of triggers that are missing.
      \Civi::log()->error('CiviShare: {message}', ['message' => $e->getMessage()]);
    }
  }

  /**
   * @return self[]
   *   By id; without those whose nodes are disabled and those that ended too long ago.
   */
  private static function all(): array {
    if (!isset(\Civi::$statics[__CLASS__])) {
      \Civi::$statics[__CLASS__] = self::load();
    }
    return \Civi::$statics[__CLASS__];
  }

  private static function load(): array {
    $dao = \CRM_Core_DAO::executeQuery('
      SELECT p.*, l.identifier local_identifier, r.identifier remote_identifier, r.name remote_name,
        p.ended_date IS NOT NULL is_ended
      FROM civicrm_share_node_peering p
      INNER JOIN civicrm_share_node l ON l.id = p.local_node_id AND l.is_local = 1 AND l.is_enabled = 1
      INNER JOIN civicrm_share_node r ON r.id = p.remote_node_id AND r.is_enabled = 1
      WHERE p.ended_date IS NULL OR p.ended_date > DATE_SUB(NOW(), INTERVAL ' . self::ENDED_DAYS . ' DAY)
      ORDER BY p.id');
    $peerings = [];
    while ($dao->fetch()) {
      $peerings[(int) $dao->id] = self::fromRow($dao);
    }
    return $peerings;
  }

  private static function fromRow(\CRM_Core_DAO $row): self {
    return new self(
      (int) $row->id,
      (string) $row->local_identifier,
      (string) $row->remote_identifier,
      (string) $row->remote_name,
      (string) $row->endpoint_url,
      (bool) $row->is_enabled,
      (bool) $row->is_ended,
      TypeList::toMap((string) $row->types_out),
      TypeList::toMap((string) $row->types_in),
      array_filter(array_map([Shape::class, 'fromEntry'], TypeList::toEntries((string) $row->types_out))),
      array_filter(array_map([Shape::class, 'fromEntry'], TypeList::toEntries((string) $row->types_in))),
      array_filter(array_map([Filter\Filter::class, 'fromEntry'], TypeList::toEntries((string) $row->types_out))),
      (string) $row->conflict_rule,
      (string) $row->delivery,
      (bool) $row->is_simple,
      (array) json_decode((string) $row->options, TRUE),
      array_values(array_filter([(string) $row->secret, (string) $row->secret_new], 'strlen')),
    );
  }

}

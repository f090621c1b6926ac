<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * Entities of a site that a table of cases describes: made, changed and deleted in one request each, compared with those of another
 * site.
 *
 * Key => ['entity', 'table' unless its name differs, 'make' => values, 'change' => values, 'change_there' => values, 'skip' => columns
 * that do not compare, 'how' => api4, api3 or dao, 'how_there', 'how_deleted', 'by' => the entity's name there, or the class of a dao].
 * In values "@" is a name of its own, "#Key" the ID of another case.
 */
final class Records {

  /**
   * @var array<string, int>
   *   "#Key" => ID on the first site.
   */
  public array $here = [];

  /**
   * @var array<string, int|null>
   */
  public array $there = [];

  /**
   * @var string[]
   */
  public array $failed = [];

  /**
   * @var array<string, string>
   *   Key => the name that "@" stood for.
   */
  private array $names = [];

  /**
   * @param array<string, array> $cases
   */
  public function __construct(private readonly Site $a, private readonly Site $b, public array $cases, array $known = []) {
    $this->here = $known;
  }

  public function make(): void {
    $writes = [];
    foreach ($this->cases as $key => $case) {
      $this->names[$key] = 'rec_' . strtolower((string) preg_replace('/[^A-Za-z0-9]/', '', $key)) . '_' . base_convert((string) random_int(1, PHP_INT_MAX), 10, 36);
      $writes[$key] = $this->write($case, $this->named($key, $case['make']));
    }
    $this->here += $this->carryOut($this->a, 'made', $writes, $this->here);
    $this->cases = array_filter($this->cases, fn($key) => isset($this->here["#$key"]), ARRAY_FILTER_USE_KEY);
  }

  public function change(Site $site, string $which): void {
    $writes = [];
    $ids = $site === $this->a ? $this->here : $this->there;
    foreach ($this->cases as $key => $case) {
      if (isset($case[$which], $ids["#$key"])) {
        $writes[$key] = ['how' => $site === $this->b ? $case['how_there'] ?? $case['how'] ?? 'api4' : $case['how'] ?? 'api4'] + $this->write($case, ['id' => $ids["#$key"]] + $this->named($key, $case[$which]));
      }
    }
    $this->carryOut($site, $which, $writes, $ids);
  }

  /**
   * @param string[] $keys
   */
  public function delete(Site $site, array $keys): void {
    $ids = $site === $this->a ? $this->here : $this->there;
    $writes = [];
    foreach (array_reverse($keys) as $key) {
      if (isset($ids["#$key"])) {
        $writes[$key] = ['delete' => TRUE, 'how' => $this->cases[$key]['how_deleted'] ?? $this->cases[$key]['how'] ?? 'api4'] + $this->write($this->cases[$key], ['id' => $ids["#$key"]]);
      }
    }
    $this->carryOut($site, 'deleted', $writes, $ids);
  }

  /**
   * Looks up where each of them is on the second site.
   */
  public function find(): void {
    $uids = [];
    foreach ($this->cases + array_fill_keys(['Contact', 'Organization'], ['entity' => 'Contact']) as $key => $case) {
      $uids["#$key"] = ['entity' => $case['entity'], 'id' => $this->here["#$key"] ?? 0];
    }
    $uids = $this->a->ask('return array_map(function ($one) {
      return CRM_Core_DAO::singleValueQuery("SELECT uid FROM civicrm_share_entity WHERE entity_type = %1 AND entity_id = %2", [1 => [$one["entity"], "String"], 2 => [$one["id"], "Integer"]]);
    }, $uids);', ['uids' => $uids]);
    $this->there = array_map(fn($id) => $id === NULL ? NULL : (int) $id, $this->b->ask('return array_map(function ($uid) {
      return $uid === NULL ? NULL : CRM_Core_DAO::singleValueQuery("SELECT e.entity_id FROM civicrm_share_uid u INNER JOIN civicrm_share_entity e ON e.id = u.share_entity_id WHERE u.uid = %1", [1 => [$uid, "String"]]);
    }, $uids);', ['uids' => $uids]));
  }

  /**
   * What differs between the two sites in the columns that were written.
   *
   * @return string|null
   *   NULL if nothing does.
   */
  public function difference(string $key, string $which): ?string {
    $case = $this->cases[$key];
    $there = $this->there["#$key"] ?? NULL;
    if ($there === NULL) {
      return 'it is not there';
    }
    $values = array_diff_key($case[$which], array_flip($case['skip'] ?? []));
    if ($values === []) {
      return NULL;
    }
    $here = $this->row($this->a, $case, $this->here["#$key"], array_keys($values));
    $other = $this->row($this->b, $case, $there, array_keys($values));
    if ($here === NULL || $other === NULL) {
      return $here === NULL ? 'it is gone here' : 'it is gone there';
    }
    foreach ($values as $column => $value) {
      $raw = is_string($value) && strpos($value, '#') !== FALSE ? strtr($value, array_map('strval', array_filter($this->there))) : $here[$column];
      // What was written was taken, and the other site has the same.
      if ((string) $raw !== (string) $other[$column] || ($value !== NULL && $here[$column] === NULL)) {
        return "$column is " . json_encode($here[$column]) . " here, so it should be " . json_encode($raw) . ', but is ' . json_encode($other[$column]);
      }
    }
    return NULL;
  }

  public function isThere(string $key): bool {
    return isset($this->there["#$key"]) && $this->row($this->b, $this->cases[$key], $this->there["#$key"], ['id']) !== NULL;
  }

  public function isHere(string $key): bool {
    return $this->row($this->a, $this->cases[$key], $this->here["#$key"], ['id']) !== NULL;
  }

  /**
   * Without a table that is the same everywhere, read by the API.
   */
  private function row(Site $site, array $case, int $id, array $columns): ?array {
    return isset($case['table']) ? $site->sql('SELECT `' . implode('`, `', $columns) . "` FROM {$case['table']} WHERE id = $id")[0] ?? NULL
      : $site->get($case['entity'], [['id', '=', $id]], $columns)[0] ?? NULL;
  }

  private function named(string $key, array $values): array {
    return array_map(fn($value) => is_string($value) ? str_replace('@', $this->names[$key], $value) : $value, $values);
  }

  private function write(array $case, array $values): array {
    return ['entity' => $case['by'] ?? $case['entity'], 'how' => $case['how'] ?? 'api4', 'values' => $values];
  }

  /**
   * @return array<string, int>
   */
  private function carryOut(Site $site, string $what, array $writes, array $ids): array {
    [$made, $failed] = $site->request('
      $made = array_map("strval", array_filter($ids));
      $failed = [];
      // CiviCRM has renamed it.
      $named = method_exists("CRM_Core_DAO_AllCoreTables", "getDAONameForEntity") ? "getDAONameForEntity" : "getFullName";
      $class = fn($entity) => class_exists($entity) ? $entity : CRM_Core_DAO_AllCoreTables::$named($entity);
      foreach ($writes as $key => $write) {
        try {
          $values = $write["values"];
          array_walk_recursive($values, function (&$value) use (&$made) {
            $value = is_string($value) ? strtr($value, $made) : $value;
          });
          $entity = $write["entity"];
          if (empty($write["delete"])) {
            switch ($write["how"]) {
              case "api4":
                $id = civicrm_api4($entity, "save", ["checkPermissions" => FALSE, "records" => [$values]])->first()["id"];
                break;

              case "api3":
                $id = civicrm_api3($entity, "create", $values)["id"];
                break;

              default:
                $dao = $class($entity);
                $id = $dao::writeRecord($values)->id;
            }
            $made["#$key"] = (string) $id;
          }
          elseif ($write["how"] === "api4") {
            civicrm_api4($entity, "delete", ["checkPermissions" => FALSE, "where" => [["id", "=", $values["id"]]]]);
          }
          elseif ($write["how"] === "api3") {
            civicrm_api3($entity, "delete", ["id" => $values["id"]]);
          }
          else {
            $dao = $class($entity);
            $dao::deleteRecord(["id" => $values["id"]]);
          }
        }
        catch (\Throwable $e) {
          $failed[] = "$key: " . get_class($e) . ": " . $e->getMessage();
        }
      }
      return [$made, $failed];', ['writes' => $writes, 'ids' => $ids]);
    foreach ($failed as $one) {
      $this->failed[] = "$what on {$site->name}, $one";
    }
    return array_map('intval', $made);
  }

}

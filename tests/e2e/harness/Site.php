<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * A real CiviCRM site, known by nothing but its env file: any CMS, any version.
 *
 * ask() evaluates code in a process that stays, for reading. request() does it in a process of its own, which ends as a request
 * does. web() does it in the site's web server, through the test extension.
 */
final class Site {

  const CONTACT_BASE = 'civishare.change.contact.base';

  public readonly string $name;

  public readonly string $url;

  /**
   * This node's name in the network, once Network has given it one.
   */
  public string $identifier = '';

  /**
   * Where the web server of the site has the endpoint.
   */
  public string $endpoint = '';

  /**
   * Key of the test extension's route.
   */
  public string $webKey = '';

  private ?Process $agent = NULL;

  private bool $module = TRUE;

  /**
   * @param array<string, string> $env
   *   The variables of the env file.
   */
  private function __construct(private readonly array $env) {
    $this->name = $env['SITE_NAME'];
    $this->url = rtrim($env['SITE_URL'], '/');
  }

  /**
   * @param string $file
   *   A file of shell assignments.
   */
  public static function fromFile(string $file): self {
    $script = 'set -a; . "$1"; env -0';
    $all = shell_exec('env -i PATH="$PATH" sh -c ' . escapeshellarg($script) . ' sh ' . escapeshellarg((string) realpath($file)));
    $env = [];
    foreach (explode("\0", (string) $all) as $pair) {
      if (strncmp($pair, 'SITE_', 5) === 0) {
        [$name, $value] = explode('=', $pair, 2);
        $env[$name] = $value;
      }
    }
    foreach (['SITE_NAME', 'SITE_URL', 'SITE_EXT_DIR', 'SITE_PHP', 'SITE_UP', 'SITE_DOWN'] as $name) {
      if (!isset($env[$name])) {
        throw new \RuntimeException("$file does not set $name");
      }
    }
    return new self($env);
  }

  /**
   * A variable of the env file, NULL if it is not set: those beyond the first few are a host's extras.
   */
  public function env(string $name): ?string {
    return ($this->env[$name] ?? '') === '' ? NULL : $this->env[$name];
  }

  // ---- code ----

  /**
   * Evaluates code in a process of its own, which has ended when this returns.
   *
   * @param string $code
   *   PHP without the tag; it may return what JSON can hold.
   * @param array $args
   *   Variables that the code sees.
   *
   * @return mixed
   *   What the code returned, NULL if the process ended before.
   */
  public function request(string $code, array $args = []) {
    $process = $this->start();
    $process->give($code, $args);
    try {
      return $process->result();
    }
    finally {
      $process->close();
    }
  }

  /**
   * Evaluates code in a process of its own that is expected to end before its time: by exit, an error or a signal.
   *
   * @return int
   *   The exit status, 128 and the signal if one killed it.
   */
  public function lastRequest(string $code, array $args = []): int {
    $process = $this->start();
    $process->give($code, $args, TRUE);
    return $process->close();
  }

  /**
   * A process of its own, to be fed by the caller.
   */
  public function start(): Process {
    return new Process($this->name, $this->env['SITE_PHP'], $this->processEnv());
  }

  /**
   * Evaluates code in a process that stays: for reading, which needs no end of a request.
   *
   * @return mixed
   */
  public function ask(string $code, array $args = []) {
    $this->agent ??= $this->start();
    $this->agent->give($code, $args);
    return $this->agent->result();
  }

  /**
   * The next ask() begins with a new process: something that CiviCRM caches has changed.
   */
  public function refresh(): void {
    if ($this->agent !== NULL) {
      $this->agent->close();
      $this->agent = NULL;
    }
  }

  /**
   * Evaluates code in the web server.
   *
   * @param string|null $base
   *   Another base URL of the same site.
   *
   * @return mixed
   */
  public function web(string $code, array $args = [], ?string $base = NULL) {
    $body = json_encode(['code' => $code, 'args' => (object) $args], JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE);
    $answer = Http::post($this->at(Network::route($this, 'civicrm/ajax/civishare-e2e'), $base), $body, ['x-civishare-e2e' => $this->webKey]);
    $result = json_decode($answer->body, TRUE);
    if (isset($result['error'])) {
      throw new SiteError($this->name, $result['error'], $result['message'], $result['trace']);
    }
    if (!is_array($result) || !array_key_exists('result', $result)) {
      throw new \RuntimeException("{$this->name}: the web server answered {$answer->status}: " . substr($answer->body, 0, 2000));
    }
    return $result['result'];
  }

  /**
   * The same address under another base URL of the site.
   */
  public function at(string $url, ?string $base): string {
    return $base === NULL ? $url : rtrim($base, '/') . substr($url, strlen($this->url));
  }

  // ---- reading ----

  /**
   * @return array[]
   *   Rows, read in the process that stays.
   */
  public function sql(string $query): array {
    return $this->ask('
      // DAOs make \'\' of NULL.
      $result = CRM_Core_DAO::executeQuery($query)->getDatabaseResult();
      $rows = [];
      while (is_object($result) && ($row = $result->fetchRow(DB_FETCHMODE_ASSOC))) {
        $rows[] = $row;
      }
      return $rows;', ['query' => $query]);
  }

  /**
   * The first column of the first row.
   */
  public function value(string $query): ?string {
    $value = $this->ask('return CRM_Core_DAO::singleValueQuery($query);', ['query' => $query]);
    return $value === NULL ? NULL : (string) $value;
  }

  /**
   * Records by API v4, read in the process that stays.
   *
   * @param array $where
   * @param string[] $select
   *
   * @return array[]
   */
  public function get(string $entity, array $where, array $select = ['*']): array {
    return $this->ask('return civicrm_api4($entity, "get", ["checkPermissions" => FALSE, "select" => $select, "where" => $where])->getArrayCopy();',
      ['entity' => $entity, 'where' => $where, 'select' => $select]);
  }

  /**
   * A contact by its ID, trashed or not.
   *
   * @param string[] $select
   */
  public function contact(int $id, array $select = ['*']): ?array {
    return $this->get('Contact', [['id', '=', $id], ['is_deleted', 'IN', [TRUE, FALSE]]], $select)[0] ?? NULL;
  }

  /**
   * The ID here of an entity of another site, by the UID that both know; NULL as long as it has not arrived.
   */
  public function counterpart(Site $other, int $id, string $entity = 'Contact'): ?int {
    $uid = $other->uid($id, $entity);
    return $uid === NULL ? NULL : $this->byUid($uid, $entity);
  }

  public function byUid(string $uid, string $entity = 'Contact'): ?int {
    $id = $this->value("SELECT e.entity_id FROM civicrm_share_uid u INNER JOIN civicrm_share_entity e ON e.id = u.share_entity_id
      WHERE u.uid = '" . addslashes($uid) . "' AND e.entity_type = '$entity'");
    return $id === NULL ? NULL : (int) $id;
  }

  public function uid(int $id, string $entity = 'Contact'): ?string {
    return $this->value("SELECT uid FROM civicrm_share_entity WHERE entity_type = '$entity' AND entity_id = $id");
  }

  /**
   * What the native store says of itself.
   */
  public function store(): array {
    return $this->ask('return \Civi\Share\Native::store()->status();');
  }

  /**
   * Open and settled rows of the journal.
   */
  public function journal(): int {
    return (int) $this->value('SELECT COUNT(*) FROM civicrm_share_journal');
  }

  /**
   * System Status: name => [severity, title, message] of what CiviShare has to say.
   *
   * @return array<string, array>
   */
  public function systemStatus(): array {
    return $this->request('
      $messages = [];
      CRM_Utils_Hook::check($messages);
      $result = [];
      foreach ($messages as $message) {
        if (strpos($message->getName(), "civishare") !== FALSE) {
          $result[$message->getName()] = ["severity" => $message->getSeverity(), "title" => $message->getTitle(), "message" => strip_tags($message->getMessage())];
        }
      }
      return $result;');
  }

  // ---- writing: a request each ----

  /**
   * Creates a contact by API v4.
   *
   * @return int
   *   Its ID.
   */
  public function create(array $values): int {
    return (int) $this->request('return civicrm_api4("Contact", "create", ["checkPermissions" => FALSE, "values" => $values])->first()["id"];',
      ['values' => $values + ['contact_type' => 'Individual']]);
  }

  /**
   * Updates a contact by API v4.
   */
  public function update(int $id, array $values): void {
    $this->api4('Contact', 'update', ['where' => [['id', '=', $id]], 'values' => $values]);
  }

  public function api4(string $entity, string $action, array $params = []): array {
    return $this->request('return civicrm_api4($entity, $action, $params)->getArrayCopy();',
      ['entity' => $entity, 'action' => $action, 'params' => $params + ['checkPermissions' => FALSE]]);
  }

  /**
   * What an API v4 call says to a user with these permissions.
   *
   * @return string
   *   "allowed", or the class of the exception.
   */
  public function allows(array $permissions, string $entity, string $action, array $params = []): string {
    return $this->request('
      $config = CRM_Core_Config::singleton();
      $config->userPermissionClass = new CRM_Core_Permission_UnitTests();
      $config->userPermissionClass->permissions = $permissions;
      try {
        civicrm_api4($entity, $action, $params + ["checkPermissions" => TRUE]);
        return "allowed";
      }
      catch (\Throwable $e) {
        return get_class($e);
      }', ['permissions' => $permissions, 'entity' => $entity, 'action' => $action, 'params' => $params]);
  }

  public function api3(string $entity, string $action, array $params = []): array {
    return $this->request('return civicrm_api3($entity, $action, $params);', ['entity' => $entity, 'action' => $action, 'params' => $params]);
  }

  /**
   * Runs the Scheduled Job "CiviShare: send".
   */
  public function send(): array {
    return $this->api3('Job', 'civishare_send');
  }

  /**
   * Runs the Scheduled Job "CiviShare: process".
   */
  public function process(): array {
    return $this->api3('Job', 'civishare_process');
  }

  // ---- the servers ----

  public function up(): void {
    $this->run('SITE_UP');
  }

  public function down(): void {
    $this->run('SITE_DOWN');
  }

  /**
   * With or without the native module, from the next process on; the web server is started anew.
   */
  public function module(bool $loaded): void {
    $this->module = $loaded;
    $this->refresh();
    $this->up();
  }

  /**
   * Runs a command of the env file.
   *
   * @return string
   *   What it printed.
   */
  public function run(string $variable): string {
    $process = proc_open($this->env[$variable], [['file', '/dev/null', 'r'], ['pipe', 'w'], ['pipe', 'w']], $pipes, NULL, $this->processEnv());
    $out = stream_get_contents($pipes[1]);
    $error = stream_get_contents($pipes[2]);
    if (proc_close($process) !== 0) {
      throw new \RuntimeException("{$this->name}: $variable failed: $out$error");
    }
    return trim($out);
  }

  private function processEnv(): array {
    $env = getenv();
    if (!$this->module) {
      unset($env['CIVISHARE_SO']);
    }
    return $env;
  }

}

<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * The sites that the tests run on, with the extension installed in each, and the links between them.
 */
final class Network {

  /**
   * @var Site[]
   */
  private static array $sites = [];

  private static bool $ready = FALSE;

  /**
   * The sites that the environment variable SITES describes, whatever state they are in.
   *
   * @return Site[]
   */
  public static function sites(): array {
    if (self::$sites === []) {
      $files = preg_split('/\s+/', trim((string) getenv('SITES')), -1, PREG_SPLIT_NO_EMPTY);
      if (count($files) < 2) {
        throw new \RuntimeException('SITES must name the env files of two sites: SITES="a.env b.env"');
      }
      foreach ($files as $number => $file) {
        $site = Site::fromFile($file);
        $site->identifier = 'https://' . chr(ord('a') + $number) . '.e2e.example.org';
        self::$sites[] = $site;
      }
      register_shutdown_function(function () {
        foreach (self::$sites as $site) {
          $site->refresh();
        }
      });
    }
    return self::$sites;
  }

  /**
   * Two sites, newly installed at the first call and linked with each other for contacts in both directions.
   *
   * @return Site[]
   */
  public static function pair(): array {
    $sites = array_slice(self::sites(), 0, 2);
    if (!self::$ready) {
      foreach ($sites as $site) {
        $site->up();
      }
      self::install(...$sites);
      self::link($sites[0], $sites[1]);
      self::$ready = TRUE;
    }
    return $sites;
  }

  /**
   * Installs the extension and names the sites' local nodes. What an earlier run has left goes first.
   */
  public static function install(Site ...$sites): void {
    foreach ($sites as $site) {
      self::place(getenv('CIVISHARE_EXT') ?: dirname(__DIR__, 3) . '/civishare-ext', $site->env('SITE_EXT_DIR') . '/civishare', TRUE);
      self::place(dirname(__DIR__) . '/extension', $site->env('SITE_EXT_DIR') . '/civishare_e2e', FALSE);
    }
    self::uninstall(...$sites);
    self::onAll($sites, '
      CRM_Extension_System::singleton()->getManager()->refresh();
      civicrm_api3("Extension", "install", ["keys" => ["civishare", "civishare_e2e"]]);');
    foreach ($sites as $site) {
      $site->webKey = bin2hex(random_bytes(20));
      self::play($site, []);
      $site->api4('ShareNode', 'create', ['values' => ['name' => $site->name, 'identifier' => $site->identifier, 'is_local' => TRUE]]);
      $site->endpoint = self::route($site, 'civicrm/ajax/civishare');
      $site->refresh();
    }
  }

  /**
   * Disables the extension and takes it away, whichever of the two is still to be done.
   */
  public static function uninstall(Site ...$sites): void {
    self::onAll($sites, '
      $status = CRM_Extension_System::singleton()->getManager()->getStatuses();
      $with = function (array $states) use ($status) {
        return array_values(array_filter(["civishare_e2e", "civishare"], function ($key) use ($states, $status) {
          return in_array($status[$key] ?? "", $states, TRUE);
        }));
      };
      $installed = $with(["installed"]);
      if ($installed) {
        civicrm_api3("Extension", "disable", ["keys" => $installed]);
      }
      if ($all = $with(["installed", "disabled"])) {
        civicrm_api3("Extension", "uninstall", ["keys" => $all]);
      }');
  }

  /**
   * A request on each site, all at the same time.
   *
   * @param Site[] $sites
   */
  private static function onAll(array $sites, string $code): void {
    $processes = [];
    foreach ($sites as $site) {
      $site->refresh();
      $processes[] = $process = $site->start();
      $process->give($code);
    }
    foreach ($processes as $process) {
      $process->result();
      $process->close();
    }
  }

  /**
   * Tells the test extension what to do.
   */
  public static function play(Site $site, array $play): void {
    file_put_contents($site->env('SITE_EXT_DIR') . '/civishare_e2e/play.json', json_encode(['key' => $site->webKey] + $play));
  }

  /**
   * What the site has saved since the last call, if play() has it log that: lines like "edit 12".
   *
   * @return string[]
   */
  public static function saved(Site $site): array {
    $file = $site->env('SITE_EXT_DIR') . '/civishare_e2e/saves.log';
    $lines = is_file($file) ? file($file, FILE_IGNORE_NEW_LINES) : [];
    @unlink($file);
    return $lines;
  }

  /**
   * The public address of a route, as the site itself gives it.
   */
  public static function route(Site $site, string $path): string {
    return rtrim($site->ask('return html_entity_decode(CRM_Utils_System::url($path, NULL, TRUE, NULL, FALSE, TRUE));', ['path' => $path]), '/');
  }

  /**
   * Links two sites with a new secret.
   */
  public static function link(Site $a, Site $b): string {
    $secret = 'whsec_' . base64_encode(random_bytes(32));
    self::peer($a, $b->identifier, $b->endpoint, $secret);
    self::peer($b, $a->identifier, $a->endpoint, $secret);
    return $secret;
  }

  /**
   * Gives a site a peering with another node.
   *
   * @return int
   *   ID of the peering.
   */
  public static function peer(Site $site, string $remote, string $url, string $secret, array $values = []): int {
    $id = $site->request('
      $node = civicrm_api4("ShareNode", "create", ["checkPermissions" => FALSE, "values" => ["name" => $remote, "identifier" => $remote]])->first();
      return civicrm_api4("ShareNodePeering", "create", ["checkPermissions" => FALSE, "values" => ["remote_node_id" => $node["id"]] + $values])->first()["id"];',
      [
        'remote' => $remote,
        'values' => $values + [
          'endpoint_url' => $url,
          'secret' => $secret,
          'types_out' => [Site::CONTACT_BASE],
          'types_in' => [Site::CONTACT_BASE],
        ],
      ]);
    $site->refresh();
    return (int) $id;
  }

  /**
   * Takes a peering away, and its remote node.
   */
  public static function unpeer(Site $site, string $remote): void {
    $site->request('
      foreach (civicrm_api4("ShareNode", "get", ["checkPermissions" => FALSE, "where" => [["identifier", "=", $remote]]]) as $node) {
        civicrm_api4("ShareNodePeering", "delete", ["checkPermissions" => FALSE, "where" => [["remote_node_id", "=", $node["id"]]]]);
        civicrm_api4("ShareNode", "delete", ["checkPermissions" => FALSE, "where" => [["id", "=", $node["id"]]]]);
      }', ['remote' => $remote]);
    $site->refresh();
  }

  /**
   * Lets both jobs run on all nodes until nobody has anything left to tell.
   *
   * @param array<Site|StoreNode> $nodes
   *
   * @return int
   *   How many rounds it took.
   */
  public static function settle(array $nodes, int $rounds = 12): int {
    for ($round = 1; $round <= $rounds; $round++) {
      foreach ($nodes as $node) {
        $node->process();
        $node->send();
      }
      $waiting = 0;
      foreach ($nodes as $node) {
        $status = $node->store();
        $waiting += $status['inbox'] + array_sum(array_column($status['peerings'], 'backlog'));
      }
      if ($waiting === 0) {
        return $round;
      }
    }
    throw new \RuntimeException("the network does not fall silent in $rounds rounds: " . json_encode(array_map(fn($node) => $node->store(), $nodes)));
  }

  /**
   * Puts an extension into a site: by a link where that works, so that the code under test is the one in the repository.
   */
  private static function place(string $from, string $to, bool $link): void {
    if (is_link($to)) {
      unlink($to);
    }
    elseif (is_dir($to)) {
      self::run('rm -rf ' . escapeshellarg($to));
    }
    if (!$link || !@symlink($from, $to)) {
      self::run('cp -r ' . escapeshellarg($from) . ' ' . escapeshellarg($to));
    }
  }

  private static function run(string $command): void {
    exec($command, $output, $status);
    if ($status !== 0) {
      throw new \RuntimeException("$command: " . implode("\n", $output));
    }
  }

}

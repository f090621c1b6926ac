<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * Random edits on both sites while neither reaches the other; once the link is mended, both hold the same.
 *
 * CIVISHARE_EDITS says how many: 5,000 in a soak. CIVISHARE_EDITS_SEED chooses the same ones again, though not the moments at which they are made.
 */
final class RandomEditsTest extends AllTypesTest {

  /**
   * Where no number is asked for, the edits are the same each time.
   */
  const SEED = 605131438;

  /**
   * Edits that are made while the link is cut once, on both sites together.
   */
  const A_CUT = 150;

  /**
   * Edits a request.
   */
  const A_REQUEST = 25;

  /**
   * Kind of edit => how often, in relation to the others.
   */
  const WEIGHTS = [
    'contact.create' => 6, 'contact.update' => 30, 'contact.employer' => 2, 'contact.trash' => 2, 'contact.restore' => 3, 'contact.delete' => 1, 'contact.merge' => 1,
    'Email.create' => 6, 'Email.update' => 6, 'Email.delete' => 2, 'Phone.create' => 4, 'Phone.update' => 3, 'Phone.delete' => 1,
    'Address.create' => 4, 'Address.update' => 4, 'Address.delete' => 1, 'IM.create' => 1, 'IM.update' => 1, 'IM.delete' => 1,
    'Website.create' => 1, 'Website.update' => 1, 'Website.delete' => 1, 'note.create' => 2, 'note.update' => 1, 'note.delete' => 1,
    'group.create' => 1, 'group.update' => 1, 'group.add' => 6, 'group.remove' => 3, 'tag.add' => 5, 'tag.remove' => 2,
    'relationship.create' => 4, 'relationship.update' => 2, 'relationship.delete' => 1,
    'activity.create' => 3, 'activity.update' => 4, 'activity.delete' => 1,
  ];

  /**
   * So long may both jobs need on both sites until nobody has anything left to tell (seconds).
   */
  const PATIENCE = 600;

  private static string $mark;

  private static int $seed;

  private static int $many;

  /**
   * @var string[]
   *   All edits, a line each.
   */
  private static array $log = [];

  /**
   * @var string[]
   *   Contacts that were merged into another one.
   */
  private static array $absorbed = [];

  private static int $number = 0;

  public static function setUpBeforeClass(): void {
    parent::setUpBeforeClass();
    self::$many = (int) (getenv('CIVISHARE_EDITS') ?: 300);
    self::$seed = (int) (getenv('CIVISHARE_EDITS_SEED') ?: (getenv('CIVISHARE_EDITS') ? random_int(1, 1 << 30) : self::SEED));
    self::$mark = str_replace(' ', '', self::name('Edit'));
  }

  public function test_after_random_edits_with_the_link_cut_and_mended_both_sites_hold_the_same(): void {
    $began = microtime(TRUE);
    self::begin();
    self::bothHoldTheSame('in the beginning');
    while (self::$number < self::$many) {
      self::cut();
      $until = min(self::$many, self::$number + self::A_CUT);
      while (self::$number < $until) {
        self::edit(min(self::A_REQUEST, intdiv($until - self::$number + 1, 2)), self::WEIGHTS);
      }
      $cut = microtime(TRUE);
      self::mend();
      if (self::$many > 1000) {
        fprintf(STDERR, "%d edits after %.0f s, quiet after %.0f s more\n", self::$number, $cut - $began, microtime(TRUE) - $cut);
      }
      self::bothHoldTheSame(self::$number . ' edits');
    }
    fwrite(STDERR, sprintf("\n%d random edits, seed %d, %d refused by CiviCRM, %.0f s\n", self::$number, self::$seed,
      count(preg_grep('/ refused: /', self::$log)), microtime(TRUE) - $began));
  }

  /**
   * Something to edit, known on both sites.
   */
  private static function begin(): void {
    self::$a->request('
      foreach (["one", "two", "three"] as $name) {
        civicrm_api4("Group", "create", ["checkPermissions" => FALSE, "values" => ["title" => "$mark $name", "source" => "$mark $name"]]);
        civicrm_api4("Tag", "create", ["checkPermissions" => FALSE, "values" => ["name" => "$mark $name"]]);
      }', ['mark' => self::$mark]);
    $create = array_filter(self::WEIGHTS, fn(string $kind) => str_ends_with($kind, '.create') || str_ends_with($kind, '.add'), ARRAY_FILTER_USE_KEY);
    $first = self::$number;
    self::edit(intdiv(max(60, min(400, intdiv(self::$many, 10))), 2), ['contact.create' => 100] + $create);
    // These are not counted.
    self::$number = $first;
    self::quiet();
  }

  /**
   * The same number of edits on both sites at the same time, a request each. The jobs run afterwards.
   */
  private static function edit(int $count, array $weights): void {
    $code = self::code('edits.php');
    $running = [];
    foreach (['A' => self::$a, 'B' => self::$b] as $name => $site) {
      $process = $site->start();
      $process->give($code, [
        'mark' => self::$mark,
        'site' => $name,
        'first' => count(self::$log) + 1,
        'count' => $count,
        'seed' => crc32(self::$seed . $name . count(self::$log)),
        'weights' => $weights,
        'absorbed' => self::$absorbed,
      ]);
      $running[] = $process;
    }
    foreach ($running as $process) {
      $result = $process->result();
      self::assertIsArray($result, $process->noise());
      $process->close();
      self::$log = array_merge(self::$log, $result['log']);
      self::$absorbed = array_values(array_unique(array_merge(self::$absorbed, $result['absorbed'])));
      self::$number += $count;
    }
  }

  private static function cut(): void {
    foreach ([self::$a, self::$b] as $site) {
      $site->down();
    }
    // An attempt while it is cut.
    self::$a->send();
  }

  private static function mend(): void {
    foreach ([self::$a, self::$b] as $site) {
      $site->up();
      $site->api4('ShareNodePeering', 'resume', ['where' => [['id', '>', 0]]]);
    }
    self::quiet();
  }

  /**
   * Lets the jobs run until nobody has anything left to tell.
   */
  private static function quiet(): void {
    for ($end = microtime(TRUE) + self::PATIENCE; microtime(TRUE) < $end; sleep(1)) {
      try {
        Network::settle([self::$a, self::$b], 4);
        return;
      }
      catch (\RuntimeException $e) {
        // A change that failed is tried again after a while.
        $trouble = $e;
      }
    }
    self::fail($trouble->getMessage() . self::replay());
  }

  private static function bothHoldTheSame(string $when): void {
    [$here, $there] = array_map(function (Site $site): array {
      $site->refresh();
      return $site->ask(self::code('everything.php'), ['mark' => self::$mark, 'absorbed' => self::$absorbed]);
    }, [self::$a, self::$b]);
    self::assertNotSame([], $here);
    $findings = [];
    foreach (array_keys($here + $there) as $what) {
      if (($here[$what] ?? NULL) !== ($there[$what] ?? NULL)) {
        $findings[] = self::finding((string) $what, $here[$what] ?? NULL, $there[$what] ?? NULL);
      }
    }
    foreach ([self::$a, self::$b] as $site) {
      foreach ($site->ask('return \Civi\Share\Native::store()->deadLetters([]);') as $letter) {
        $findings[] = "$site->name, dead letter: " . json_encode($letter, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES);
      }
    }
    if ($findings !== []) {
      self::fail(sprintf("%s, %d differences%s\n\n%s", $when, count($findings), self::replay(), implode("\n\n", array_slice($findings, 0, 20))));
    }
  }

  /**
   * One difference, with the edits that may have led to it.
   */
  private static function finding(string $what, ?array $here, ?array $there): string {
    if ($here !== NULL && $there !== NULL && !array_is_list($here)) {
      $differ = array_filter(array_keys($here + $there), fn($name) => ($here[$name] ?? NULL) !== ($there[$name] ?? NULL));
      $here = array_intersect_key($here, array_flip($differ));
      $there = array_intersect_key($there, array_flip($differ));
    }
    preg_match('/' . preg_quote(self::$mark, '/') . ' \w+$/', $what, $found);
    $edits = $found === [] ? [] : array_slice(preg_grep('/' . preg_quote($found[0], '/') . '\b/', self::$log), -12);
    $flags = JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES;
    return "$what\n  here:  " . json_encode($here, $flags) . "\n  there: " . json_encode($there, $flags) . "\n    " . implode("\n    ", $edits);
  }

  private static function replay(): string {
    $file = sys_get_temp_dir() . '/civishare-edits-' . self::$seed . '.log';
    file_put_contents($file, implode("\n", self::$log) . "\n");
    return sprintf("\nThe same edits again: CIVISHARE_EDITS=%d CIVISHARE_EDITS_SEED=%d tests/e2e/run.sh A.env B.env --filter RandomEditsTest\nThe edits: %s\n", self::$many, self::$seed, $file);
  }

  /**
   * Code that runs in the site.
   */
  private static function code(string $file): string {
    return substr((string) file_get_contents(__DIR__ . "/harness/site/$file"), strlen('<?php'));
  }

}

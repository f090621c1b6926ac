<?php
/**
 * What CiviShare adds to a save, over the time of the whole API v4 update of a contact: inside the hooks, which the saving
 * user waits for, and for recording, which is done when the request ends (under FPM when the page has gone out).
 *
 * Runs bootstrapped in a real CiviCRM with the extension and a peering that shares contacts. Prints one JSON row a line.
 */
use Civi\Api4\Contact;
use Civi\Api4\Email;

const ROUNDS = 300;

/**
 * Puts a stop watch before every door of a class, without a line of the product knowing of it: the class is loaded under
 * another name, and one with its name stands before it.
 */
function watch(string $class): void {
  if (class_exists($class, FALSE)) {
    throw new RuntimeException("$class was loaded before it could be watched");
  }
  $short = substr($class, strrpos($class, '\\') + 1);
  $namespace = substr($class, 0, strrpos($class, '\\'));
  $file = dirname(__DIR__, 2) . '/civishare-ext/' . strtr($class, '\\', '/') . '.php';
  $source = preg_replace("/^final class $short /m", "final class Watched$short ", file_get_contents($file), 1, $count);
  if ($count !== 1) {
    throw new RuntimeException("$file has changed its form");
  }
  $temporary = tempnam(sys_get_temp_dir(), 'bench');
  file_put_contents($temporary, $source);
  require $temporary;
  unlink($temporary);
  $doors = '';
  foreach ((new ReflectionClass("$namespace\\Watched$short"))->getMethods(ReflectionMethod::IS_PUBLIC) as $method) {
    $given = $passed = [];
    foreach ($method->getParameters() as $parameter) {
      $reference = $parameter->isPassedByReference() ? '&' : '';
      $given[] = $reference . '$' . $parameter->getName() . ($parameter->isOptional() ? ' = NULL' : '');
      $passed[] = '$' . $parameter->getName();
    }
    $doors .= "public static function {$method->getName()}(" . implode(', ', $given) . ') {
      $start = hrtime(TRUE);
      try { return Watched' . $short . '::' . $method->getName() . '(' . implode(', ', $passed) . '); }
      finally { \Watch::$spent += hrtime(TRUE) - $start; }
    }';
  }
  eval("namespace $namespace; final class $short { $doors }");
}

final class Watch {

  /**
   * Nanoseconds inside our hooks.
   */
  public static int $spent = 0;

}

watch('Civi\Share\Detect\Detector');
watch('Civi\Share\Hooks');

/**
 * @param int $each
 *   Updates before the recording: one, as in a page's request, or many, as in an import.
 *
 * @return float[][]
 *   ['hooks' => percent of the update that was spent in our hooks, 'record' => percent that recording took besides]
 */
function measure(array $ids, int $each, callable $values, string $api = Contact::class): array {
  $percents = ['hooks' => [], 'record' => []];
  for ($round = 0; $round < ROUNDS; $round += $each) {
    Watch::$spent = 0;
    $start = hrtime(TRUE);
    for ($i = $round; $i < $round + $each; $i++) {
      $api::update(FALSE)->addWhere('id', '=', $ids[$i % count($ids)])->setValues($values($i))->execute();
    }
    $update = hrtime(TRUE) - $start;
    $percents['hooks'][] = 100 * Watch::$spent / $update;
    // What the end of the request does.
    $start = hrtime(TRUE);
    \Civi\Share\Detect\Detector::flush();
    $percents['record'][] = 100 * (hrtime(TRUE) - $start) / $update;
  }
  // The first rounds fill caches that a site's opcode cache and metadata cache have filled long ago.
  return array_map(fn (array $list): array => array_slice($list, intdiv(20, $each)), $percents);
}

function median(array $numbers): float {
  sort($numbers);
  return $numbers[intdiv(count($numbers), 2)];
}

function row(string $name, float $percent): void {
  echo json_encode(['name' => $name, 'ours' => round($percent, 3), 'rival' => 100, 'ratio' => round($percent / 100, 5), 'unit' => '% of the update']), "\n";
}

$contacts = [];
for ($i = 0; $i < 100; $i++) {
  $values = ['contact_type' => 'Individual', 'first_name' => 'Bench', 'last_name' => "Mark $i"];
  $contacts[] = (int) Contact::create(FALSE)->setValues($values)->execute()->first()['id'];
}
\Civi\Share\Detect\Detector::flush();

$changed = measure($contacts, 1, fn (int $round): array => ['first_name' => "Bench $round"]);
$recorded = (int) CRM_Core_DAO::singleValueQuery('SELECT COUNT(*) FROM civicrm_share_entity WHERE entity_type = "Contact" AND entity_id IN (' . implode(',', $contacts) . ')');
if ($recorded !== count($contacts)) {
  throw new RuntimeException('The updates were not recorded: is there a peering that lets contacts out?');
}
row('hook_changed_percent', median($changed['hooks']));
row('record_percent', median($changed['record']));
row('record_50_percent', median(measure($contacts, 50, fn (int $round): array => ['first_name' => "Many $round"])['record']));
// image_URL is not shared.
row('hook_unchanged_percent', median(measure($contacts, 1, fn (int $round): array => ['image_URL' => "https://example.org/$round.png"])['hooks']));
// No peering shares email addresses.
$emails = array_map(fn (int $contact): int => (int) Email::create(FALSE)->setValues(['contact_id' => $contact, 'email' => 'bench@example.org'])->execute()->first()['id'], $contacts);
\Civi\Share\Detect\Detector::flush();
row('hook_unshared_percent', median(measure($emails, 1, fn (int $round): array => ['email' => "bench$round@example.org"], Email::class)['hooks']));
foreach ($contacts as $contact) {
  civicrm_api3('Contact', 'delete', ['id' => $contact, 'skip_undelete' => TRUE]);
}

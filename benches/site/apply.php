<?php
/**
 * Applying what a peer has sent, against one API v4 call for each change on the same site, which has the same hooks and triggers.
 *
 * Both in turn, in one process, the one first and then the other; each makes contacts of its own with the same values, and what has
 * come of them is compared, names and greetings included. What counts is the clock on the wall, for the database's time is a part of
 * it; beside it the CPU time of this process and of the database server, which others on the machine disturb less.
 *
 * usage, bootstrapped in CiviCRM: on the sending site «apply.php make create|update ROUND», which makes changes and sends them; on the
 * receiving site «apply.php measure SENDER.env DATABASE.pid», which has the sender do so and prints JSON rows.
 */
use Civi\Api4\Contact;
use Civi\Share\Detect\Detector;
use Civi\Share\Job\Process;
use Civi\Share\Job\Send;
use Civi\Share\Native;

const CHANGES = 200;
const ROUNDS = 5;
const LAST = 'Applied by the bench';
const COMPARED = [
  'contact_type', 'first_name', 'last_name', 'job_title', 'birth_date', 'display_name', 'sort_name', 'email_greeting_id', 'email_greeting_display',
  'postal_greeting_id', 'postal_greeting_display', 'addressee_id', 'addressee_display', 'preferred_language', 'communication_style_id', 'is_deleted',
];

function values(string $what, int $round, int $i): array {
  return $what === 'create'
    ? ['contact_type' => 'Individual', 'first_name' => "Bench $round $i", 'last_name' => LAST, 'job_title' => "Number $i", 'birth_date' => '1970-01-01']
    : ['first_name' => "Changed $round $i", 'job_title' => "Changed number $i"];
}

/**
 * One call each, as an importer would make them.
 *
 * @return int[]
 */
function calls(string $what, int $round, array $contacts): array {
  $ids = [];
  for ($i = 0; $i < CHANGES; $i++) {
    $ids[] = (int) ($what === 'create'
      ? Contact::create(FALSE)->setValues(values('create', $round, $i))->execute()
      : Contact::update(FALSE)->addWhere('id', '=', $contacts[$i])->setValues(values('update', $round, $i))->execute())->first()['id'];
  }
  return $ids;
}

/**
 * @return array[]
 *   In the order in which they were made.
 */
function found(int $after = 0): array {
  return Contact::get(FALSE)->addSelect('id', ...COMPARED)->addWhere('last_name', '=', LAST)->addWhere('id', '>', $after)
    ->addOrderBy('id')->execute()->getArrayCopy();
}

/**
 * Seconds that this process and the database server have computed.
 */
function cpu_time(int $server): float {
  $used = getrusage();
  $stat = explode(' ', substr(strrchr(file_get_contents("/proc/$server/stat"), ')'), 2));
  return $used['ru_utime.tv_sec'] + $used['ru_stime.tv_sec'] + ($used['ru_utime.tv_usec'] + $used['ru_stime.tv_usec']) / 1e6
    + ($stat[11] + $stat[12]) / 100;
}

/**
 * @return float[]
 *   [seconds by the clock, seconds of CPU time]
 */
function timed(int $server, callable $work): array {
  $cpu = cpu_time($server);
  $start = hrtime(TRUE);
  $work();
  return [(hrtime(TRUE) - $start) / 1e9, cpu_time($server) - $cpu];
}

function median(array $numbers): float {
  sort($numbers);
  return $numbers[intdiv(count($numbers), 2)];
}

function agree(bool $agreed, string $what): void {
  if (!$agreed) {
    throw new RuntimeException($what);
  }
}

/**
 * Both have come out the same, value by value.
 */
function compare(array $ours, array $rivals): void {
  agree(count($ours) === CHANGES && count($rivals) === CHANGES, count($ours) . ' contacts were applied, ' . count($rivals) . ' made by the rival');
  foreach ($ours as $i => $contact) {
    $one = array_diff_key($contact, ['id' => 0]);
    $other = array_diff_key($rivals[$i], ['id' => 0]);
    agree($one == $other, 'they differ: ' . json_encode([$one, $other]));
    agree($one['display_name'] === "{$one['first_name']} {$one['last_name']}" && $one['email_greeting_display'] === "Dear {$one['first_name']}", 'names do not fit: ' . json_encode($one));
  }
}

[, $step] = $argv;
if ($step === 'make') {
  [, , $what, $round] = $argv;
  calls($what, (int) $round, array_slice(array_column(found(), 'id'), -CHANGES));
  Detector::flush();
  Send::run();
  exit;
}

[, , $sender, $pid] = $argv;
$server = (int) file_get_contents($pid);
$send = function (string $what, int $round) use ($sender): void {
  $command = sprintf('. %s && $SITE_PHP %s make %s %d >&2', escapeshellarg($sender), escapeshellarg(__FILE__), $what, $round);
  passthru('bash -c ' . escapeshellarg($command), $status);
  $waiting = Native::store()->status()['inbox'];
  agree($status === 0 && $waiting === CHANGES, "$waiting changes came in");
};

$times = [];
$contacts = [];
for ($round = 0; $round <= ROUNDS; $round++) {
  foreach (['create', 'update'] as $what) {
    $send($what, $round);
    $last = (int) CRM_Core_DAO::singleValueQuery('SELECT MAX(id) FROM civicrm_contact');
    $made = [];
    $ways = [
      'ours' => function (): void {
        Process::run();
      },
      // Not slowed down by what CiviShare does for a person's edit.
      'rival' => function () use ($what, $round, &$contacts, &$made): void {
        Detector::paused(function () use ($what, $round, &$contacts, &$made): void {
          $made = calls($what, $round, $contacts['rival'] ?? []);
        });
      },
    ];
    foreach ($round % 2 === 1 ? $ways : array_reverse($ways) as $who => $work) {
      $times[$what][$who][$round] = timed($server, $work);
      // What the rival has written is nobody's edit.
      CRM_Core_DAO::executeQuery('DELETE FROM civicrm_share_journal WHERE payload IS NULL');
    }
    agree(Native::store()->status()['inbox'] === 0, 'not everything was applied');
    if ($what === 'create') {
      $new = array_column(found($last), 'id');
      $contacts = ['rival' => $made, 'ours' => array_values(array_diff($new, $made))];
    }
    $all = array_column(found(min($contacts['rival'][0], $contacts['ours'][0]) - 1), NULL, 'id');
    $rows = array_map(fn(array $ids): array => array_map(fn(int $id): array => $all[$id], $ids), $contacts);
    compare($rows['ours'], $rows['rival']);
  }
}

foreach ($times as $what => $ways) {
  foreach (['', '_cpu'] as $clock => $suffix) {
    // The first round fills caches.
    [$ours, $rival] = array_map(fn(array $rounds): array => array_column(array_slice($rounds, 1), $clock), [$ways['ours'], $ways['rival']]);
    echo json_encode([
      'name' => "apply_$what$suffix",
      'ours' => round(CHANGES / median($ours), 1),
      'rival' => round(CHANGES / median($rival), 1),
      'ratio' => round(median(array_map(fn(float $one, float $other): float => $other / $one, $ours, $rival)), 3),
      'unit' => $suffix === '' ? 'changes/s' : 'changes/s of CPU time',
    ]), "\n";
  }
}

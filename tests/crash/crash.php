<?php
declare(strict_types = 1);

/**
 * @file
 * crash.php KILLS: see run.sh. Ends with «N passed, N failed, N skipped».
 */

namespace CiviShare\Crash;

use CiviShare\E2e\Network;

require __DIR__ . '/bootstrap.php';

$kills = (int) $argv[1];
$seed = (int) (getenv('CIVISHARE_CRASH_SEED') ?: random_int(1, 999999999));
$only = (string) getenv('CIVISHARE_CRASH_ONLY');
$replay = "CIVISHARE_CRASH_SEED=$seed tests/crash/run.sh $kills " . getenv('SITES');
$passed = $failed = $skipped = 0;
$say = function (string $text): void {
  printf("%s  %s\n", date('H:i:s'), $text);
};
$check = function (string $name, array $findings) use (&$passed, &$failed, $say): void {
  $findings === [] ? $passed++ : $failed++;
  $say(($findings === [] ? 'ok      ' : 'FAILED  ') . strtr($name, '_', ' '));
  foreach (array_slice($findings, 0, 20) as $finding) {
    echo "            $finding\n";
  }
  if (count($findings) > 20) {
    echo '            … and ' . (count($findings) - 20) . " more\n";
  }
};

$say("seed $seed, $kills kills");
[$a, $b] = Network::pair();
$sites = ['alpha' => $a, 'beta' => $b];
foreach ($sites as $name => $site) {
  Fields::install($site);
}
$database = new Database($a);
if ($a->env('SITE_DB_PID') !== NULL && !$database->keepsCommits()) {
  // The server was started before us, by somebody who does not kill it.
  $database->disconnect();
  $a->run('SITE_DB_DOWN');
  $a->run('SITE_DB_UP');
  foreach ($sites as $site) {
    $site->refresh();
  }
}

$scenarios = new Scenarios($a, $b);
foreach ($scenarios->all() as $name) {
  if ($only !== '' && stripos($name, $only) === FALSE) {
    continue;
  }
  try {
    $why = $scenarios->needs($name);
    if ($why !== NULL) {
      $skipped++;
      $say("SKIPPED  $name: $why");
      continue;
    }
    $check($name, $scenarios->run($name));
  }
  catch (\Throwable $e) {
    $check($name, [get_class($e) . ': ' . $e->getMessage() . ' (' . basename($e->getFile()) . ':' . $e->getLine() . ')']);
    $scenarios->tidy();
  }
}

if ($kills > 0 && ($only === '' || stripos('storm', $only) !== FALSE)) {
  $prefix = 'k' . base_convert((string) (time() % 100000000), 10, 36) . 'x';
  $journals = sys_get_temp_dir() . "/civishare-crash-$prefix";
  mkdir($journals);
  $before = array_map(fn($site) => $site->store()['dead'], $sites);
  $storm = new Storm($sites, $seed, new Load($prefix), $journals);
  $say('the storm begins');
  $storm->rage($kills);
  $say('the load ends');
  $storm->calm();
  foreach ($sites as $site) {
    $site->refresh();
  }
  [$rounds, $seconds, $left] = Quiet::come($sites);
  $say(sprintf('quiet after %d rounds of both jobs on both sites, %d s', $rounds, $seconds));
  $verdict = new Verdict($sites, $prefix, $journals);

  ksort($storm->kills);
  foreach ($storm->kills as $kind => $number) {
    $say(sprintf('killed  %4d  %s', $number, $kind));
  }
  $say(sprintf('kills in all: %d; deadlocks: %d, from %d times locking the other way round', array_sum($storm->kills), $storm->deadlocks, $storm->locks));
  $counts = $verdict->counts();
  foreach ($counts as $what => $number) {
    $say(sprintf('%5d  %s', $number, $what));
  }
  foreach ($storm->told() as $runner => $told) {
    $say("$runner: $told");
  }

  $dead = [];
  foreach ($sites as $name => $site) {
    $letters = $site->store()['dead'] - $before[$name];
    $reasons = $letters === 0 ? [] : array_column($site->api4('ShareChange', 'get', []), 'reason');
    $dead = array_merge($dead, array_map(fn($reason) => "$name: $reason", $reasons));
  }
  $check('every kill was made', array_sum($storm->kills) === $kills ? $storm->stuck : array_merge([array_sum($storm->kills) . " kills instead of $kills"], $storm->stuck));
  // Ten kills on a busy machine leave time for some fifty saves; where nothing was saved, nothing was proved.
  $idle = $counts['saves acknowledged'] < $kills || $counts['contacts'] < min(10, $kills) ? ["only {$counts['saves acknowledged']} saves were acknowledged"] : [];
  $check('the writers were at work', array_merge($idle, $storm->broken()));
  $check('journal, outboxes and inboxes are empty', $left);
  $check('there are no dead letters', $dead);
  $check('no contact is doubled', $verdict->doubled());
  $check('both sites hold the same', $verdict->differences());
  $check('every acknowledged save is on both sides, the latest edit where several wrote', $verdict->lost());
  $check('what was rolled back is nowhere', $verdict->rolledBack());
  if ($failed > 0) {
    $say("the writers' journals are in $journals");
  }
  else {
    array_map('unlink', glob("$journals/*"));
    rmdir($journals);
  }
}

if ($failed > 0) {
  $say("again with the same choices: $replay");
}
echo "$passed passed, $failed failed, $skipped skipped\n";
exit($failed > 0 ? 1 : 0);

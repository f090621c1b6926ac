<?php
/**
 * The native module against PHP doing the same work: same inputs, outputs compared, rounds alternating, medians of CPU time.
 *
 * usage: php -d extension=… benches/native.php MESSAGES ROWS.json
 *   MESSAGES: the program that benches/messages.rs becomes
 */
declare(strict_types = 1);

use CiviShare\{Core, Store};

foreach (['data', 'rival/json', 'rival/messages', 'rival/settle'] as $file) {
  require __DIR__ . "/$file.php";
}
[, $program, $out] = $argv;
ini_set('memory_limit', '1G');
const CHANGES = 10000;
const ROUNDS = 11;

/** Milliseconds that this process has computed, which others on the machine disturb less than the clock on the wall. */
function cpu_time(): float {
  $used = getrusage();
  return ($used['ru_utime.tv_sec'] + $used['ru_stime.tv_sec']) * 1e3 + ($used['ru_utime.tv_usec'] + $used['ru_stime.tv_usec']) / 1e3;
}

/** Milliseconds that a call takes, and what it gives. */
function timed(callable $work): array {
  $begin = cpu_time();
  $result = $work();
  return [cpu_time() - $begin, $result];
}

function agree(bool $agreed, string $what): void {
  if (!$agreed) {
    fwrite(STDERR, "native and rival differ: $what\n");
    exit(1);
  }
}

/**
 * Medians of both, from rounds that alternate.
 *
 * @param callable(): array{0: float, 1: mixed} $ours
 * @param callable(): array{0: float, 1: mixed} $rival
 */
function duel(string $name, string $unit, callable $ours, callable $rival, callable $check, float $scale = 1): array {
  $times = [[], []];
  for ($round = 0; $round <= ROUNDS; $round++) {
    [$native, $one] = $ours();
    [$php, $other] = $rival();
    // The first round warms caches up, and is where the outputs are compared.
    if ($round === 0) {
      $check($one, $other);
      continue;
    }
    $times[0][] = $native * $scale;
    $times[1][] = $php * $scale;
  }
  $median = function (array $times): float {
    sort($times);
    return $times[intdiv(count($times), 2)];
  };
  [$native, $php] = array_map($median, $times);
  return ['name' => $name, 'ours' => round($native, 3), 'rival' => round($php, 3), 'ratio' => round($php / $native, 2), 'unit' => $unit];
}

// What was edited: a fifth of it is new contacts.
$data = new Data();
$edits = $texts = [];
$state = '';
for ($id = 1; $id <= CHANGES; $id++) {
  $edits[$id] = $id % 5 === 1 ? $data->created($id) : $data->edited($id, $state);
  $settled = Core::settle($edits[$id]);
  $state = $settled['state'];
  $texts[] = $settled['changes'][0]['text'];
}
$rows = [];
$secret = Core::newSecret();
$now = time() * 1000;
$rival = new RivalMessages(NODE, REMOTE, $secret, EPOCH, $now);

// Sending: the program does what delivery does between the outbox and HTTP.
$file = tempnam(sys_get_temp_dir(), 'civishare-bench');
file_put_contents($file, implode("\n", $texts));
$allowed = array_flip(['first_name', 'last_name', 'birth_date', 'gender_id:name', 'prefix_id:name', 'do_not_email', 'do_not_phone', 'preferred_language', 'job_title', 'Membership_Data.Joined_In', 'Membership_Data.Notes']);
$process = proc_open([$program, $file, NODE, REMOTE, $secret, EPOCH, (string) $now, implode(',', array_keys($allowed))], [['pipe', 'r'], ['pipe', 'w'], STDERR], $pipes);
$native = function (string $command) use ($pipes): array {
  fwrite($pipes[0], "$command\n");
  [$took, $digest] = explode(' ', trim((string) fgets($pipes[1])));
  return [$took / 1e6, $digest];
};
$same = function (string $digest, array $messages) {
  $hash = hash_init('sha512');
  foreach ($messages as [$body, $headers]) {
    hash_update($hash, $body);
    foreach ($headers as $name => $value) {
      hash_update($hash, "\n$name: $value");
    }
  }
  agree(hash_final($hash) === $digest, 'the messages');
};
$rows[] = duel('send_10000', 'ms for 10,000 changes', fn() => $native('send'), fn() => timed(fn() => $rival->send($texts)), $same);
$rows[] = duel('send_10000_filtered', 'ms for 10,000 changes', fn() => $native('send_filtered'), fn() => timed(fn() => $rival->send($texts, $allowed)), $same);
proc_close($process);
unlink($file);

// Receiving: everything that protocol.md, "Receiving", asks for up to the inbox, on both sides. Ours then looks the message up,
// finds that it was taken before, and signs an answer, which the rival does not do: so the inbox, whose statements would be the same in
// both languages, stays out of it. The store lies in memory where there is such a place.
$folder = (is_writable('/dev/shm') ? '/dev/shm' : sys_get_temp_dir()) . '/civishare-bench-' . getmypid();
mkdir($folder, 0700);
register_shutdown_function(function () use ($folder) {
  array_map('unlink', glob("$folder/*"));
  rmdir($folder);
});
$store = new Store("$folder/store.sqlite", REMOTE);
$peering = ['id' => 1, 'remote' => NODE, 'secrets' => [$secret], 'types_in' => [TYPE => NULL]];
$requests = array_map(fn($message) => ['service' => 'changes', 'headers' => $message[1] + ['content-type' => 'application/json'], 'body' => $message[0]], $rival->send($texts));
foreach ($requests as $request) {
  $got = $store->receive($request, $peering);
  agree($got['status'] === 202 && !str_contains($got['body'], '"reason"'), "a message was answered {$got['status']}: " . substr($got['body'], 0, 200));
}
$ours = function () use ($store, $requests, $peering): int {
  $taken = 0;
  foreach ($requests as $request) {
    $got = $store->receive($request, $peering);
    preg_match('/"accepted":(\d+)/', $got['body'], $found);
    $taken += $got['status'] === 200 ? (int) $found[1] : 0;
  }
  return $taken;
};
$theirs = function () use ($rival, $requests): int {
  $taken = 0;
  foreach ($requests as $request) {
    $taken += count($rival->receive($request['headers'], $request['body'], [TYPE => NULL]) ?? []);
  }
  return $taken;
};
$check = function (int $one, int $other) use ($rival, $store, $requests, $peering) {
  agree($one === CHANGES && $other === CHANGES, "$one and $other changes were accepted");
  $altered = $requests[0];
  $altered['body'][5000] = $altered['body'][5000] === 'x' ? 'y' : 'x';
  agree($store->receive($altered, $peering)['status'] === 401 && $rival->receive($altered['headers'], $altered['body'], [TYPE => NULL]) === NULL, 'an altered message was taken');
};
$rows[] = duel('receive_10000', 'ms for 10,000 changes', fn() => timed($ours), fn() => timed($theirs), $check);

// The hook: one edit of a shared contact becomes its next state and a signed change, which is kept for the end of the request.
// A request makes few edits, and their data are in the processor's cache.
$edits = array_slice(array_values(array_filter($edits, fn($edit) => $edit['operation'] === 'update')), 0, 100);
const PASSES = 40;
$passes = function (callable $settle) use ($edits): array {
  for ($pass = 0; $pass < PASSES; $pass++) {
    $settled = array_map($settle, $edits);
  }
  return $settled;
};
$rows[] = duel(
  'hook_change', 'µs a change',
  fn() => timed(fn() => $passes([Core::class, 'settle'])),
  fn() => timed(fn() => $passes([RivalSettle::class, 'settle'])),
  function (array $ones, array $others) {
    foreach ($ones as $index => $one) {
      agree($one === $others[$index], "a settled change:\n" . var_export($one, TRUE) . var_export($others[$index], TRUE));
    }
  },
  1000 / count($edits) / PASSES,
);

file_put_contents($out, json_encode($rows, JSON_PRETTY_PRINT | JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR));

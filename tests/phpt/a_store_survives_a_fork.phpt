--TEST--
A store survives forks: children write beside the parent, and one that only ends takes nothing with it
--EXTENSIONS--
posix
pcntl
sqlite3
--FILE--
<?php
require __DIR__ . '/support.inc';
use CiviShare\Store;

$file = store_file();
$store = new Store($file, NODE);
$store->begin(1);
$store->enqueue(changes(10));

// Children that never touch it, and drop it.
$idle = [child(fn() => 0), child(function () use (&$store) {
  unset($store);
})];
$store->enqueue(changes(10, 11));
var_dump(joined(...$idle));
$store->enqueue(changes(10, 21));

// Children that write at the same time as the parent.
$pids = [];
for ($number = 1; $number <= 6; $number++) {
  $pids[] = child(function () use ($store, $number) {
    for ($round = 0; $round < 20; $round++) {
      $store->enqueue(changes(5, $number * 1000 + $round * 5));
    }
  });
}
for ($round = 0; $round < 20; $round++) {
  $store->enqueue(changes(5, 90000 + $round * 5));
}
var_dump(joined(...$pids));
var_dump($store->status()['outbox'] === 30 + 7 * 100, $store->status()['peerings'][1]['backlog'] === 730);

// A child that is killed in the middle of writing.
$killed = child(function () use ($store) {
  for ($round = 0; TRUE; $round++) {
    $store->enqueue(changes(50, 1000000 + $round * 50));
  }
});
usleep(300000);
stop($killed);
$before = $store->status()['outbox'];
var_dump($before % 10, $store->enqueue(changes(1, 5000000)), $store->status()['outbox'] === $before + 1);
var_dump((new SQLite3($file, SQLITE3_OPEN_READONLY))->querySingle('PRAGMA integrity_check'));
?>
--EXPECT--
int(2)
int(6)
bool(true)
bool(true)
int(0)
int(1)
bool(true)
string(2) "ok"

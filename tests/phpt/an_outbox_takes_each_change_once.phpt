--TEST--
An outbox takes each change once, many in one call, and none of a call with a bad one
--EXTENSIONS--
posix
pcntl
--FILE--
<?php
require __DIR__ . '/support.inc';
use CiviShare\Store;

$store = new Store(store_file(), NODE);
$store->begin(1);
$changes = changes(3);
show('three', fn() => $store->enqueue($changes));
show('again', fn() => $store->enqueue($changes));
show('one more', fn() => $store->enqueue(changes(4)));
show('none', fn() => $store->enqueue([]));
show('waiting', fn() => [$store->status()['outbox'], $store->status()['peerings'][1]['backlog']]);

$good = changes(1, 100)[0];
$bad = [
  'no id' => array_diff_key($good, ['id' => 0]),
  'no text' => array_diff_key($good, ['text' => 0]),
  'no targets' => array_diff_key($good, ['targets' => 0]),
  'empty' => [],
  'a number' => 1,
  'no JSON' => ['text' => 'x'] + $good,
  'no change' => ['text' => '{}'] + $good,
  'bytes' => ['text' => "\xff"] + $good,
  'targets' => ['targets' => 'all'] + $good,
  'a target' => ['targets' => ['x']] + $good,
  'deep' => ['text' => str_repeat('[', 100000)] + $good,
];
foreach ($bad as $label => $change) {
  show($label, fn() => $store->enqueue([$good, $change]));
}
show('keys', fn() => $store->enqueue(['a' => $good]));
show('waiting', fn() => $store->status()['outbox']);
?>
--EXPECT--
three → 3
again → 0
one more → 1
none → 0
waiting → [4,4]
no id → CiviShare\ArgumentException: enqueue: a change: id must be a string in UTF-8
no text → CiviShare\ArgumentException: enqueue: a change: text must be a string in UTF-8
no targets → CiviShare\ArgumentException: enqueue: a change: targets must be a list of peerings' IDs
empty → CiviShare\ArgumentException: enqueue: a change: targets must be a list of peerings' IDs
a number → CiviShare\ArgumentException: enqueue: a list of arrays is needed
no JSON → CiviShare\ArgumentException: enqueue: this is not I-JSON: expected value at line 1 column 1
no change → CiviShare\ArgumentException: enqueue: malformed: the member operation is missing or not what the protocol says
bytes → CiviShare\ArgumentException: enqueue: a change: text must be a string in UTF-8
targets → CiviShare\ArgumentException: enqueue: a change: targets must be an array
a target → CiviShare\ArgumentException: enqueue: a change: targets must be a list of peerings' IDs
deep → CiviShare\ArgumentException: enqueue: this is not I-JSON: nested deeper than 32 levels at line 1 column 33
keys → 1
waiting → 5

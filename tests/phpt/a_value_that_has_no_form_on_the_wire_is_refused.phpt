--TEST--
A value that has no form on the wire is refused by name, wherever it stands
--FILE--
<?php
require __DIR__ . '/support.inc';
use CiviShare\Core;

$closed = fopen('php://memory', 'r');
fclose($closed);
$recursive = [];
$recursive[] = &$recursive;
$deep = [];
for ($level = 0; $level < 100000; $level++) {
  $deep = [$deep];
}
$values = [
  'NAN' => NAN,
  'INF' => INF,
  '-INF' => -INF,
  'bytes' => "\xff\xfe",
  'half a character' => "M\xc3",
  'surrogate' => "\xed\xa0\x80",
  'object' => new stdClass(),
  'Stringable' => new ArgumentCountError('x'),
  'closure' => fn() => 1,
  'enum' => (enum_exists('Suit') ? NULL : eval('enum Suit { case Hearts; } return Suit::Hearts;')),
  'date' => new DateTime('2000-01-01'),
  'resource' => STDIN,
  'closed resource' => $closed,
  'map' => ['a' => 1],
  'gap' => [1 => 'a', 2 => 'b'],
  'wrong order' => [1 => 'b', 0 => 'a'],
  'list of lists' => [[1]],
  'list of objects' => [new stdClass()],
  'list with NAN' => [1, NAN],
  'list with bytes' => ["\xff"],
  'list with a resource' => [STDIN],
  'recursive' => $recursive,
  'deep' => $deep,
];
foreach ($values as $label => $value) {
  show($label, fn() => on_the_wire($value));
}

echo "\n";
foreach (['before', 'after', 'defaults'] as $place) {
  show($place, fn() => Core::settle(edit([$place => ['x' => NAN]])));
}
$decide = ['node' => NODE, 'now' => 1800000000000, 'peering' => 1, 'linked_now' => TRUE];
foreach (['current', 'defaults'] as $place) {
  show($place, fn() => Core::decide(received(), NULL, $decide + [$place => ['x' => INF]]));
}
$state = Core::settle(edit())['state'];
$forward = ['node' => NODE, 'instance' => INSTANCE, 'row' => 8, 'change' => received(), 'state' => $state, 'origin' => 1, 'time' => 1, 'peerings' => [1, 2]];
show('derived before', fn() => Core::forward($forward + ['derived' => ['before' => ['x' => STDIN], 'after' => []]]));
show('derived after', fn() => Core::forward($forward + ['derived' => ['before' => [], 'after' => ['x' => "\xff"]]]));
show('all', fn() => Core::forward($forward + ['all' => ['x' => [[]]]]));
?>
--EXPECT--
NAN → CiviShare\ArgumentException: after: the value of x is not a finite number, which cannot be shared
INF → CiviShare\ArgumentException: after: the value of x is not a finite number, which cannot be shared
-INF → CiviShare\ArgumentException: after: the value of x is not a finite number, which cannot be shared
bytes → CiviShare\ArgumentException: after: the value of x is a string that is not UTF-8, which cannot be shared
half a character → CiviShare\ArgumentException: after: the value of x is a string that is not UTF-8, which cannot be shared
surrogate → CiviShare\ArgumentException: after: the value of x is a string that is not UTF-8, which cannot be shared
object → CiviShare\ArgumentException: after: the value of x is an object, which cannot be shared
Stringable → CiviShare\ArgumentException: after: the value of x is an object, which cannot be shared
closure → CiviShare\ArgumentException: after: the value of x is an object, which cannot be shared
enum → CiviShare\ArgumentException: after: the value of x is an object, which cannot be shared
date → CiviShare\ArgumentException: after: the value of x is an object, which cannot be shared
resource → CiviShare\ArgumentException: after: the value of x is a resource, which cannot be shared
closed resource → CiviShare\ArgumentException: after: the value of x is a resource, which cannot be shared
map → CiviShare\ArgumentException: after: the value of x is an array with keys, and only a list can be shared
gap → CiviShare\ArgumentException: after: the value of x is an array with keys, and only a list can be shared
wrong order → CiviShare\ArgumentException: after: the value of x is an array with keys, and only a list can be shared
list of lists → CiviShare\ArgumentException: after: the value of x is an array within an array, which cannot be shared
list of objects → CiviShare\ArgumentException: after: the value of x is an object, which cannot be shared
list with NAN → CiviShare\ArgumentException: after: the value of x is not a finite number, which cannot be shared
list with bytes → CiviShare\ArgumentException: after: the value of x is a string that is not UTF-8, which cannot be shared
list with a resource → CiviShare\ArgumentException: after: the value of x is a resource, which cannot be shared
recursive → CiviShare\ArgumentException: after: the value of x is an array within an array, which cannot be shared
deep → CiviShare\ArgumentException: after: the value of x is an array within an array, which cannot be shared

before → CiviShare\ArgumentException: before: the value of x is not a finite number, which cannot be shared
after → CiviShare\ArgumentException: after: the value of x is not a finite number, which cannot be shared
defaults → CiviShare\ArgumentException: defaults: the value of x is not a finite number, which cannot be shared
current → CiviShare\ArgumentException: current: the value of x is not a finite number, which cannot be shared
defaults → CiviShare\ArgumentException: defaults: the value of x is not a finite number, which cannot be shared
derived before → CiviShare\ArgumentException: before: the value of x is a resource, which cannot be shared
derived after → CiviShare\ArgumentException: after: the value of x is a string that is not UTF-8, which cannot be shared
all → CiviShare\ArgumentException: all: the value of x is an array within an array, which cannot be shared

--TEST--
A change means what lives of what it names
--FILE--
<?php
require __DIR__ . '/support.inc';

use CiviShare\Core;

$find = fn(array $more): array => Core::find($more + ['operation' => 'update', 'uid' => 'a', 'same_as' => ['b']]);

show('nothing known', fn() => $find([]));
show('by another name', fn() => $find(['living' => ['b' => '7']]));
show('what was deleted', fn() => $find(['living' => ['b' => '7'], 'gone' => ['a' => '8']]));
show('two of them', fn() => $find(['living' => ['a' => '7', 'b' => '8']]));
show('a merge', fn() => $find(['operation' => 'merge', 'same_as' => [], 'merged_uid' => 'c', 'living' => ['a' => '7', 'c' => '8']]));
show('a merge into what was deleted', fn() => $find(['operation' => 'merge', 'same_as' => [], 'merged_uid' => 'c', 'living' => ['c' => '8'], 'gone' => ['a' => '7']]));
show('digits alone', fn() => $find(['uid' => '12', 'living' => ['12' => '7']]));
show('no operation', fn() => $find(['operation' => 'find']));
show('not by name', fn() => $find(['living' => [7]]));
?>
--EXPECT--
nothing known → {"kept":null,"gone":null,"graves":[],"elsewhere":[]}
by another name → {"kept":"7","gone":null,"graves":[],"elsewhere":[]}
what was deleted → {"kept":"7","gone":null,"graves":["8"],"elsewhere":["a"]}
two of them → {"kept":"7","gone":null,"graves":[],"elsewhere":["b"]}
a merge → {"kept":"7","gone":"8","graves":[],"elsewhere":[]}
a merge into what was deleted → {"kept":"8","gone":"7","graves":[],"elsewhere":[]}
digits alone → {"kept":"7","gone":null,"graves":[],"elsewhere":[]}
no operation → CiviShare\ArgumentException: find: "find" is not an operation
not by name → CiviShare\ArgumentException: find: living must be an array of strings by UID

--TEST--
A member that is missing or of the wrong kind is named in the message
--FILE--
<?php
require __DIR__ . '/support.inc';
use CiviShare\Core;

foreach (['node', 'instance', 'type', 'entity', 'reference', 'operation', 'rows', 'after', 'peerings'] as $member) {
  show("settle without $member", fn() => Core::settle(array_diff_key(edit(), [$member => 0])));
}
foreach (['state', 'before', 'defaults', 'chain'] as $member) {
  show("settle without $member", fn() => count(Core::settle(array_diff_key(edit(), [$member => 0])) ?? []));
}
$row = ['id' => 1, 'time' => 1, 'attributes' => []];
$wrong = [
  'node' => ['', 'two words', 'bytes' . "\xff", str_repeat('n', 256), 7],
  'type' => ['', "a\nb", "\xff", []],
  'entity' => ['', NULL],
  'reference' => [312, "\xff"],
  'operation' => ['upsert', 'UPDATE', ''],
  'state' => [1, [], "\xff"],
  'rows' => [[], 'x', [1], [[]], [['id' => 'x', 'time' => 1]], [['id' => -1, 'time' => 1]], [['id' => 1.5, 'time' => 1]], [['id' => '+1', 'time' => 1]], [['id' => 1]], [['id' => 1, 'time' => 1 << 48]],
    [['id' => 1, 'time' => 1, 'attributes' => 'x']], [['id' => 1, 'time' => 1, 'attributes' => [1]]], [['id' => 1, 'time' => 1, 'attributes' => ['']]], [['id' => 1, 'time' => 1, 'attributes' => ["\xff"]]]],
  'after' => ['x', 1, new ArrayObject()],
  'peerings' => [1, ['x'], [-1], [1.5], [[1]], [NULL]],
  'chain' => ['x', [1], ["\xff"]],
  'merged_state' => [1],
  'floor' => ['1', 1, "\0"],
];
echo "\n";
foreach ($wrong as $member => $values) {
  foreach ($values as $value) {
    show($member, fn() => Core::settle(edit([$member => $value])));
  }
}
echo "\n";
$facts = ['node' => NODE, 'now' => 1800000000000, 'peering' => 1];
foreach ([['node' => ''], ['now' => 'soon'], ['now' => -1], ['now' => PHP_INT_MAX], ['peering' => NULL], ['peering' => 'x'], ['rule' => 'newest'], ['rule' => 1], ['came_round' => 'no'], ['linked_now' => 2], ['linked_now' => TRUE, 'strict' => 'x'], ['merged_state' => 'x']] as $over) {
  show('decide ' . json_encode($over), fn() => Core::decide(received(), NULL, $over + $facts));
}
echo "\n";
foreach ([[], ['change' => '{}'], ['change' => received()], ['change' => received(), 'state' => 'x'], ['change' => received(), 'state' => '{"u":["u1"]}']] as $over) {
  show('forward', fn() => Core::forward($over));
}
show('wants', fn() => Core::wants(NULL, [1, 'x']));
show('wants', fn() => Core::wants('{"u":', []));
?>
--EXPECT--
settle without node → CiviShare\ArgumentException: settle: node must be a node's identifier: 1 to 255 bytes of visible ASCII
settle without instance → CiviShare\ArgumentException: settle: instance must be a string in UTF-8
settle without type → CiviShare\ArgumentException: settle: type must be a name: 1 to 255 bytes of UTF-8, no control characters
settle without entity → CiviShare\ArgumentException: settle: entity must be a name: 1 to 255 bytes of UTF-8, no control characters
settle without reference → CiviShare\ArgumentException: settle: reference must be a string in UTF-8
settle without operation → CiviShare\ArgumentException: settle: operation must be a string in UTF-8
settle without rows → CiviShare\ArgumentException: settle: rows must hold a row
settle without after → CiviShare\ArgumentException: settle: after must be an array of values by name
settle without peerings → CiviShare\ArgumentException: settle: peerings must be a list of peerings' IDs
settle without state → 4
settle without before → 4
settle without defaults → 4
settle without chain → 4

node → CiviShare\ArgumentException: settle: node must be a node's identifier: 1 to 255 bytes of visible ASCII
node → CiviShare\ArgumentException: settle: node must be a node's identifier: 1 to 255 bytes of visible ASCII
node → CiviShare\ArgumentException: settle: node must be a node's identifier: 1 to 255 bytes of visible ASCII
node → CiviShare\ArgumentException: settle: node must be a node's identifier: 1 to 255 bytes of visible ASCII
node → CiviShare\ArgumentException: settle: node must be a node's identifier: 1 to 255 bytes of visible ASCII
type → CiviShare\ArgumentException: settle: type must be a name: 1 to 255 bytes of UTF-8, no control characters
type → CiviShare\ArgumentException: settle: type must be a name: 1 to 255 bytes of UTF-8, no control characters
type → CiviShare\ArgumentException: settle: type must be a name: 1 to 255 bytes of UTF-8, no control characters
type → CiviShare\ArgumentException: settle: type must be a name: 1 to 255 bytes of UTF-8, no control characters
entity → CiviShare\ArgumentException: settle: entity must be a name: 1 to 255 bytes of UTF-8, no control characters
entity → CiviShare\ArgumentException: settle: entity must be a name: 1 to 255 bytes of UTF-8, no control characters
reference → CiviShare\ArgumentException: settle: reference must be a string in UTF-8
reference → CiviShare\ArgumentException: settle: reference must be a string in UTF-8
operation → CiviShare\ArgumentException: settle: "upsert" is not an operation
operation → CiviShare\ArgumentException: settle: "UPDATE" is not an operation
operation → CiviShare\ArgumentException: settle: "" is not an operation
state → CiviShare\ArgumentException: settle: state must be a string in UTF-8
state → CiviShare\ArgumentException: settle: state must be a string in UTF-8
state → CiviShare\ArgumentException: settle: state must be a string in UTF-8
rows → CiviShare\ArgumentException: settle: rows must hold a row
rows → CiviShare\ArgumentException: settle: rows must be an array
rows → CiviShare\ArgumentException: settle: rows must be a list of arrays
rows → CiviShare\ArgumentException: settle: a row: id must be a whole number from 0 up
rows → CiviShare\ArgumentException: settle: a row: id must be a whole number from 0 up
rows → CiviShare\ArgumentException: settle: a row: id must be a whole number from 0 up
rows → CiviShare\ArgumentException: settle: a row: id must be a whole number from 0 up
rows → CiviShare\ArgumentException: settle: a row: id must be a whole number from 0 up
rows → CiviShare\ArgumentException: settle: a row: time must be a time in Unix milliseconds, below 2^48
rows → CiviShare\ArgumentException: settle: a row: time must be a time in Unix milliseconds, below 2^48
rows → CiviShare\ArgumentException: settle: a row: attributes must be an array
rows → CiviShare\ArgumentException: settle: a row: attributes must be a list of strings in UTF-8
rows → CiviShare\ArgumentException: settle: a row: attributes must be a list of names
rows → CiviShare\ArgumentException: settle: a row: attributes must be a list of strings in UTF-8
after → CiviShare\ArgumentException: settle: after must be an array
after → CiviShare\ArgumentException: settle: after must be an array
after → CiviShare\ArgumentException: settle: after must be an array
peerings → CiviShare\ArgumentException: settle: peerings must be an array
peerings → CiviShare\ArgumentException: settle: peerings must be a list of peerings' IDs
peerings → CiviShare\ArgumentException: settle: peerings must be a list of peerings' IDs
peerings → CiviShare\ArgumentException: settle: peerings must be a list of peerings' IDs
peerings → CiviShare\ArgumentException: settle: peerings must be a list of peerings' IDs
peerings → CiviShare\ArgumentException: settle: peerings must be a list of peerings' IDs
chain → CiviShare\ArgumentException: settle: chain must be an array
chain → CiviShare\ArgumentException: settle: chain must be a list of strings in UTF-8
chain → CiviShare\ArgumentException: settle: chain must be a list of strings in UTF-8
merged_state → CiviShare\ArgumentException: settle: merged_state must be a string in UTF-8
floor → CiviShare\ArgumentException: "1" is not a version: it should read like 1729706928201.0@https://node.example.org
floor → CiviShare\ArgumentException: settle: floor must be a string in UTF-8
floor → CiviShare\ArgumentException: "\0" is not a version: it should read like 1729706928201.0@https://node.example.org

decide {"node":""} → CiviShare\ArgumentException: decide: node must be a node's identifier: 1 to 255 bytes of visible ASCII
decide {"now":"soon"} → CiviShare\ArgumentException: decide: now must be a time in Unix milliseconds, below 2^48
decide {"now":-1} → CiviShare\ArgumentException: decide: now must be a time in Unix milliseconds, below 2^48
decide {"now":9223372036854775807} → CiviShare\ArgumentException: decide: now must be a time in Unix milliseconds, below 2^48
decide {"peering":null} → CiviShare\ArgumentException: decide: peering must be a whole number from 0 up
decide {"peering":"x"} → CiviShare\ArgumentException: decide: peering must be a whole number from 0 up
decide {"rule":"newest"} → CiviShare\ArgumentException: decide: "newest" is not a rule
decide {"rule":1} → CiviShare\ArgumentException: decide: rule must be a string in UTF-8
decide {"came_round":"no"} → CiviShare\ArgumentException: decide: came_round must be true or false
decide {"linked_now":2} → CiviShare\ArgumentException: decide: linked_now must be true or false
decide {"linked_now":true,"strict":"x"} → CiviShare\ArgumentException: decide: strict must be an array
decide {"merged_state":"x"} → CiviShare\Exception: the stored state of an entity is damaged (expected value at line 1 column 1): restore civicrm_share_entity from a backup, or delete the row and synchronise anew

forward → CiviShare\ArgumentException: forward: change must be a string in UTF-8
forward → CiviShare\ArgumentException: change: malformed: the member operation is missing or not what the protocol says
forward → CiviShare\ArgumentException: forward: state must be what decide() gave
forward → CiviShare\Exception: the stored state of an entity is damaged (expected value at line 1 column 1): restore civicrm_share_entity from a backup, or delete the row and synchronise anew
forward → CiviShare\ArgumentException: forward: node must be a node's identifier: 1 to 255 bytes of visible ASCII
wants → CiviShare\ArgumentException: $peerings must be a list of peerings' IDs
wants → CiviShare\Exception: the stored state of an entity is damaged (EOF while parsing a value at line 1 column 5): restore civicrm_share_entity from a backup, or delete the row and synchronise anew

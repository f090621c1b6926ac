--TEST--
An edit in knowledge of a peer's version names it as the one that it replaces, and exceeds both
--FILE--
<?php
require __DIR__ . '/support.inc';
use CiviShare\Core;

$ours = Core::settle(edit());
$theirs = '1729706929999.0@https://beta.example.org';
$facts = edit(['state' => $ours['state'], 'seen' => ['first_name' => $theirs], 'floor' => '1729706928201.0@' . NODE]);
$told = told($facts)['attribute_changes'][0];
echo $told['from_version'], "\n", $told['version'], "\n";
show('no version', fn() => Core::settle(['seen' => ['first_name' => 'x']] + $facts));
show('no list', fn() => Core::settle(['seen' => 'x'] + $facts));
?>
--EXPECT--
1729706929999.0@https://beta.example.org
1729706929999.1@https://alpha.example.org
no version → CiviShare\ArgumentException: "x" is not a version: it should read like 1729706928201.0@https://node.example.org
no list → CiviShare\ArgumentException: settle: seen must be an array

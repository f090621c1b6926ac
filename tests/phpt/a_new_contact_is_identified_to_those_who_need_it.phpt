--TEST--
What a new contact is found by goes to the peerings that need it, and to no other
--FILE--
<?php
require __DIR__ . '/support.inc';
use CiviShare\Core;

$changes = Core::settle(edit(['operation' => 'create', 'before' => [], 'peerings' => [1, 2]]))['changes'];
$told = Core::identify(NODE, $changes, [2 => ['email_primary.email' => 'a@example.org'], 3 => ['first_name' => 'Carl'], 1 => []]);
foreach ($told as $change) {
  echo implode(',', $change['targets']), ' ', json_encode(json_decode($change['text'], TRUE)['identity'] ?? NULL, JSON_UNESCAPED_SLASHES), "\n";
}
show('nobody', fn() => Core::identify(NODE, $changes, []) === $changes);
show('no values', fn() => Core::identify(NODE, $changes, [1 => 'a@example.org']));
show('no number', fn() => Core::identify(NODE, $changes, ['x' => []]));
show('no targets', fn() => Core::identify(NODE, [['id' => 'a', 'text' => '{}']], []));
?>
--EXPECT--
2 {"email_primary.email":"a@example.org"}
1 null
nobody → true
no values → CiviShare\ArgumentException: identity: values by name for each peering are needed
no number → CiviShare\ArgumentException: identity: values by name for each peering are needed
no targets → CiviShare\ArgumentException: identify: a change: targets must be a list of peerings' IDs

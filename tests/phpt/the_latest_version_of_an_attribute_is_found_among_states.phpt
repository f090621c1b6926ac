--TEST--
The latest version of an attribute is found among states
--FILE--
<?php
require __DIR__ . '/support.inc';

use CiviShare\Core;

$state = fn(int $time, string $name): string => Core::settle(edit([
  'rows' => [['id' => 7, 'time' => $time, 'attributes' => [$name]]],
  'before' => [],
  'after' => [$name => TRUE],
]))['state'];
$states = [12 => $state(1729706928201, 'is_primary'), 7 => $state(1729706928202, 'is_primary'), 9 => $state(1729706928203, 'is_billing')];

show('of three', fn() => Core::latest($states, 'is_primary'));
show('of one', fn() => Core::latest($states, 'is_billing'));
show('of none', fn() => Core::latest($states, 'on_hold'));
show('of nothing', fn() => Core::latest([], 'on_hold'));
show('under names', fn() => Core::latest(['a' => $states[7]], 'is_primary'));
show('not a text', fn() => Core::latest([1 => NULL], 'is_primary'));
show('damaged', fn() => substr(outcome(fn() => Core::latest([1 => '{'], 'is_primary')), 0, 60));
?>
--EXPECT--
of three → 7
of one → 9
of none → null
of nothing → null
under names → CiviShare\ArgumentException: $states must be strings in UTF-8 under numbers
not a text → CiviShare\ArgumentException: $states must be strings in UTF-8 under numbers
damaged → "CiviShare\\Exception: the stored state of an entity is damage"

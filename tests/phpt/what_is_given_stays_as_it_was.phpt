--TEST--
What is given stays as it was: no argument is altered, and no memory stays behind, whether a call ends well or not
--FILE--
<?php
require __DIR__ . '/support.inc';
use CiviShare\Core;

$name = 'Carl';
$facts = edit(['after' => ['first_name' => &$name, 'list' => ['b', 'a'], 'empty' => ''], 'rows' => [['id' => '7', 'time' => '5', 'attributes' => ['first_name', 'list']]]]);
$copy = serialize($facts);
Core::settle($facts);
var_dump(serialize($facts) === $copy);

$change = received();
$state = Core::settle(edit())['state'];
$bad = edit(['after' => ['a' => str_repeat('x', 1000), 'b' => NAN]]);
$work = function () use ($facts, $change, $state, $bad) {
  Core::settle($facts);
  Core::decide($change, $state, ['node' => NODE, 'now' => 1800000000000, 'peering' => 1]);
  Core::forward(['node' => NODE, 'instance' => INSTANCE, 'row' => 8, 'change' => $change, 'state' => $state, 'origin' => 1, 'time' => 1, 'peerings' => [1, 2]]);
  foreach ([fn() => Core::settle($bad), fn() => Core::decide('[', NULL, []), fn() => Core::checkSecret("\xff"), fn() => Core::unseal('a site key', 'x')] as $call) {
    try {
      $call();
    }
    catch (CiviShare\Exception) {
    }
  }
};
$resident = fn(): int => (int) explode(' ', file_get_contents('/proc/self/statm'))[1] * 4096;
for ($round = 0; $round < 500; $round++) {
  $work();
}
[$php, $all] = [memory_get_usage(), $resident()];
for ($round = 0; $round < 3000; $round++) {
  $work();
}
var_dump(memory_get_usage() - $php < 2048, $resident() - $all < 2 << 20);
?>
--EXPECT--
bool(true)
bool(true)
bool(true)

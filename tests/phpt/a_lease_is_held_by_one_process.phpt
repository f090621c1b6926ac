--TEST--
A lease is held by one process at a time, and ends by itself
--EXTENSIONS--
posix
pcntl
--FILE--
<?php
require __DIR__ . '/support.inc';
use CiviShare\Store;

$store = new Store(store_file(), NODE);
$elsewhere = function (callable $work): string {
  $pair = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
  joined(child(fn() => fwrite($pair[1], outcome($work))));
  fclose($pair[1]);
  return stream_get_contents($pair[0]);
};
show('taken', fn() => $store->lease('job', 60000));
show('prolonged', fn() => $store->lease('job', 60000));
echo 'elsewhere → ', $elsewhere(fn() => $store->lease('job', 60000)), "\n";
echo 'released elsewhere → ', $elsewhere(fn() => $store->release('job')), "\n";
echo 'still held → ', $elsewhere(fn() => $store->lease('job', 60000)), "\n";
$store->release('job');
echo 'released → ', $elsewhere(fn() => $store->lease('job', 50)), "\n";
usleep(80000);
show('run out', fn() => $store->lease('job', '60000'));
show('for ever', fn() => $store->lease('ever', PHP_INT_MAX));
show('for no time', fn() => $store->lease('never', 0));
foreach ([-1, 1.5, 'x', NULL, [], "\xff"] as $ms) {
  show('ms', fn() => $store->lease('job', $ms));
}
?>
--EXPECT--
taken → true
prolonged → true
elsewhere → false
released elsewhere → null
still held → false
released → true
run out → true
for ever → true
for no time → true
ms → CiviShare\ArgumentException: $ms must be a whole number from 0 up
ms → CiviShare\ArgumentException: $ms must be a whole number from 0 up
ms → CiviShare\ArgumentException: $ms must be a whole number from 0 up
ms → CiviShare\ArgumentException: $ms must be a whole number from 0 up
ms → CiviShare\ArgumentException: $ms must be a whole number from 0 up
ms → CiviShare\ArgumentException: $ms must be a whole number from 0 up

--TEST--
A store and a database that do not belong together are noticed, and begin anew
--EXTENSIONS--
posix
pcntl
--FILE--
<?php
require __DIR__ . '/support.inc';
use CiviShare\Store;

$store = new Store(store_file(), NODE);
$marks = ['instance' => INSTANCE, 'store' => '', 'journal' => 5, 'applied' => 2];
$fit = function (array $over = []) use ($store, &$marks): string {
  $fit = $store->fit($over + $marks);
  return $fit['fit'] . ' ' . $fit['reason'];
};
echo $fit(), "\n";
$marks['store'] = $store->fit($marks)['store'];
echo $fit(), "\n", $fit(['journal' => 6]), "\n";
echo $fit(['journal' => 4]), "\n", $fit(['applied' => 1]), "\n", $fit(['store' => 'x', 'journal' => 6]), "\n", $fit(['instance' => 'x']), "\n";
$store->begin(1);
$store->enqueue(changes(2));
$marks = ['instance' => '01929e00-0000-7000-8000-000000000001', 'journal' => 1] + $marks;
$marks['store'] = $store->beginAnew($marks);
echo $fit(), ' ', $store->status()['outbox'], "\n";
show('no marks', fn() => $store->fit([]));
show('rotation', fn() => $store->rotate(1));
show('waiting', fn() => $store->waiting());
?>
--EXPECT--
first 
together 
together 
apart restored
apart restored
apart other_store
apart other_database
together  0
no marks → CiviShare\ArgumentException: fit: instance must be a string in UTF-8
rotation → null
waiting → []

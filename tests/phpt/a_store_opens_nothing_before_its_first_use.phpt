--TEST--
A store opens nothing before its first use, and then a file that only its owner can read
--EXTENSIONS--
posix
pcntl
--FILE--
<?php
require __DIR__ . '/support.inc';
use CiviShare\Store;

$file = store_file();
$store = new Store($file, NODE);
var_dump(file_exists($file));
$status = $store->status();
var_dump($status['path'] === $file, $status['outbox'], $status['inbox'], $status['dead'], $status['peerings']);
printf("%o\n", fileperms($file) & 0777);
unset($store);
var_dump((new Store($file, NODE))->status()['uuid'] === $status['uuid']);

show('cloned', fn() => clone new Store($file, NODE));
show('serialised', fn() => serialize(new Store($file, NODE)));
?>
--EXPECT--
bool(false)
bool(true)
int(0)
int(0)
int(0)
array(0) {
}
600
bool(true)
cloned → Error: Trying to clone an uncloneable object of class CiviShare\Store
serialised → Exception: Serialization of 'CiviShare\Store' is not allowed

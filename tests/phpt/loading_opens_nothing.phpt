--TEST--
Loading the module, and deciding with it, opens no file and starts no thread
--FILE--
<?php
$count = 'clearstatcache(); echo count(scandir("/proc/self/fd")), " ", count(scandir("/proc/self/task"));';
$use = 'CiviShare\Core::newSecret(); CiviShare\Core::newUid(); CiviShare\Core::wants(NULL, []);';
$run = fn(string ...$arguments) => trim((string) shell_exec(implode(' ', array_map('escapeshellarg', [PHP_BINARY, '-n', ...$arguments])) . ' 2>&1'));
$module = 'extension=' . getenv('CIVISHARE_SO');

$without = $run('-r', $count);
var_dump(preg_match('/^\d+ 3$/', $without));
var_dump($run('-d', $module, '-r', $count) === $without);
var_dump($run('-d', $module, '-r', $use . $count) === $without);
?>
--EXPECT--
int(1)
bool(true)
bool(true)

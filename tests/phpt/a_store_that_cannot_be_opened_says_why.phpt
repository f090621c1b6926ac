--TEST--
A store that cannot be opened says which file it is and what to do
--EXTENSIONS--
posix
pcntl
sqlite3
--FILE--
<?php
require __DIR__ . '/support.inc';
use CiviShare\Store;

$file = store_file();
$folder = dirname($file);
$try = function (string $label, string $path, string $node = NODE) use ($folder) {
  echo $label, ' → ', str_replace($folder, 'FOLDER', outcome(fn() => (new Store($path, $node))->status()['schema'] > 0)), "\n";
};
$try('relative', 'store.sqlite');
$try('empty', '');
$try('bytes', "/tmp/\xff");
$try('NUL', "$folder/a\0b");
$try('no folder', "$folder/missing/store.sqlite");
$try('a folder', $folder);
$try('no right', '/proc/self/store.sqlite');
$try('no node', $file, '');
$try('blank in node', $file, 'a b');
file_put_contents("$folder/rubbish", str_repeat("rubbish\n", 1000));
$try('rubbish', "$folder/rubbish");
file_put_contents("$folder/empty", '');
$try('an empty file', "$folder/empty");
$other = new SQLite3("$folder/other");
$other->exec('CREATE TABLE x (y)');
$other->close();
$try('another database', "$folder/other");
?>
--EXPECT--
relative → CiviShare\ArgumentException: path: the store's file needs its whole path
empty → CiviShare\ArgumentException: path: the store's file needs its whole path
bytes → CiviShare\ArgumentException: $path must be a string in UTF-8
NUL → CiviShare\StoreException: the store FOLDER/a\0b cannot be opened (file name contained an unexpected NUL byte): check that its folder exists and that the web server's user may write to it
no folder → CiviShare\StoreException: the store FOLDER/missing/store.sqlite cannot be opened (No such file or directory (os error 2)): check that its folder exists and that the web server's user may write to it
a folder → CiviShare\StoreException: the store FOLDER cannot be opened (unable to open database file: FOLDER): check that its folder exists and that the web server's user may write to it
no right → CiviShare\StoreException: the store /proc/self/store.sqlite cannot be opened (No such file or directory (os error 2)): check that its folder exists and that the web server's user may write to it
no node → CiviShare\ArgumentException: node: an identifier is 1 to 255 visible ASCII characters, like https://crm.example.org
blank in node → CiviShare\ArgumentException: node: an identifier is 1 to 255 visible ASCII characters, like https://crm.example.org
rubbish → CiviShare\StoreException: FOLDER/rubbish is not a readable CiviShare store (file is not a database): move the file away, a new one is made and the peers are synchronised again
an empty file → true
another database → CiviShare\StoreException: FOLDER/other is not a readable CiviShare store (it is another program's database): move the file away, a new one is made and the peers are synchronised again

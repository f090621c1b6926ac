--TEST--
A strange request gets an answer and never an exception; an argument of the wrong shape does
--EXTENSIONS--
posix
pcntl
--FILE--
<?php
require __DIR__ . '/support.inc';
use CiviShare\Store;

$file = store_file();
$store = new Store($file, NODE);
$request = ['service' => 'changes', 'headers' => [], 'body' => ''];
$answer = fn(array $over, ?array $peering = NULL) => $store->receive($over + $request, $peering)['status'];
show('nothing', fn() => $answer([]));
show('a known sender', fn() => $answer([], peering()));
show('bytes', fn() => $answer(['body' => random_bytes(100000), 'headers' => ['civishare-sender' => OTHER, 'webhook-id' => "\xff", 'webhook-timestamp' => "\0", "\xff\xfe" => 'x', 5 => 'y', 'nested' => ['x'], 'number' => 1]], peering()));
show('gzip', fn() => $answer(['body' => gzencode(str_repeat('x', 1000)), 'headers' => ['content-encoding' => 'gzip']]));
show('cut gzip', fn() => $answer(['body' => substr(gzencode(str_repeat('x', 1000)), 0, 12), 'headers' => ['content-encoding' => 'gzip']]));
$deflate = deflate_init(ZLIB_ENCODING_GZIP);
$bomb = '';
for ($mebibyte = 0; $mebibyte < 200; $mebibyte++) {
  $bomb .= deflate_add($deflate, str_repeat("\0", 1 << 20), $mebibyte === 199 ? ZLIB_FINISH : ZLIB_NO_FLUSH);
}
show('a gzip bomb', fn() => $answer(['body' => $bomb, 'headers' => ['content-encoding' => 'gzip']]));
show('too large', fn() => $answer(['body' => str_repeat('x', (8 << 20) + 1)]));
show('another service', fn() => $answer(['service' => "../\0"]));
var_dump(file_exists($file));

echo "\n";
foreach (['service' => [NULL, 1, "\xff"], 'headers' => [NULL, 'x'], 'body' => [NULL, 1, []]] as $member => $values) {
  foreach ($values as $value) {
    show($member, fn() => $answer([$member => $value]));
  }
}
foreach ([['id' => NULL], ['id' => -1], ['remote' => ''], ['secrets' => [1]], ['secrets' => ['short']], ['types_in' => 'all'], ['types_in' => [TYPE => 'all']], ['types_in' => ["\xff" => NULL]], ['types_in' => [7 => NULL]], ['types_in' => [TYPE => ["\xff"]]], ['rules' => [TYPE => 1]], ['ended' => 'no']] as $over) {
  show(key($over), fn() => $answer([], $over + peering()));
}
show('a limit', fn() => $store->receive($request, NULL, ['inbox_limit' => -1]));
show('records', fn() => $store->answer($request, peering(), ['{', 1]));
?>
--EXPECT--
nothing → 401
a known sender → 401
bytes → 401
gzip → 401
cut gzip → 400
a gzip bomb → 413
too large → 413
another service → 401
bool(false)

service → CiviShare\ArgumentException: receive: the request: service must be a string in UTF-8
service → CiviShare\ArgumentException: receive: the request: service must be a string in UTF-8
service → CiviShare\ArgumentException: receive: the request: service must be a string in UTF-8
headers → CiviShare\ArgumentException: receive: the request: headers must be an array
headers → CiviShare\ArgumentException: receive: the request: headers must be an array
body → CiviShare\ArgumentException: receive: the request: body must be a string
body → CiviShare\ArgumentException: receive: the request: body must be a string
body → CiviShare\ArgumentException: receive: the request: body must be a string
id → CiviShare\ArgumentException: receive: the peering: id must be a whole number from 0 up
id → CiviShare\ArgumentException: receive: the peering: id must be a whole number from 0 up
remote → CiviShare\ArgumentException: receive: the peering: remote must be a node's identifier: 1 to 255 bytes of visible ASCII
secrets → CiviShare\ArgumentException: receive: the peering: secrets must be a list of strings in UTF-8
secrets → CiviShare\ArgumentException: the shared secret holds 5 bytes, and at least 16 are needed: let one of the sites generate it
types_in → CiviShare\ArgumentException: receive: the peering: types_in must be an array
types_in → CiviShare\ArgumentException: types_in: change types are needed, with NULL, a list of attributes, or what goes through of each
types_in → CiviShare\ArgumentException: types_in: change types are needed, with NULL, a list of attributes, or what goes through of each
types_in → CiviShare\ArgumentException: types_in: change types are needed, with NULL, a list of attributes, or what goes through of each
types_in → CiviShare\ArgumentException: types_in: change types are needed, with NULL, a list of attributes, or what goes through of each
rules → CiviShare\ArgumentException: receive: the peering: rules must be an array of strings by name
ended → CiviShare\ArgumentException: receive: the peering: ended must be true or false
a limit → CiviShare\ArgumentException: receive: options: inbox_limit must be a whole number from 0 up
records → CiviShare\ArgumentException: answer: records must be JSON texts

--TEST--
A received change is put into other words, and tables that make no sense are refused
--FILE--
<?php
require __DIR__ . '/support.inc';
use CiviShare\Core;

$change = '{"attribute_changes":[{"from":null,"name":"given","to":7,"version":"1.0@https://b.example.org"},{"from":true,"name":"is_opt_out","to":false,"version":"1.0@https://b.example.org"}],"identity":{"given":"7"}}';
show('words', fn() => Core::take($change, [
  'rename' => ['given' => 'first_name'],
  'translate' => ['first_name' => ['7' => 'Seven']],
  'one_way' => ['is_opt_out'],
]));
show('nothing', fn() => Core::take($change, []));
show('a table of tables', fn() => Core::take($change, ['translate' => ['first_name' => ['a' => ['b']]]]));
show('no table', fn() => Core::take($change, ['translate' => ['first_name' => 'b']]));
show('a list of names', fn() => Core::take($change, ['rename' => [7]]));
show('a resource', fn() => Core::take($change, ['constant' => ['first_name' => fopen('php://memory', 'r')]]));
show('no JSON', fn() => Core::take('{', []));
?>
--EXPECT--
words → "{\"attribute_changes\":[{\"from\":null,\"name\":\"first_name\",\"to\":\"Seven\",\"version\":\"1.0@https://b.example.org\"}],\"identity\":{\"first_name\":\"Seven\"}}"
nothing → "{\"attribute_changes\":[{\"from\":null,\"name\":\"given\",\"to\":7,\"version\":\"1.0@https://b.example.org\"},{\"from\":true,\"name\":\"is_opt_out\",\"to\":false,\"version\":\"1.0@https://b.example.org\"}],\"identity\":{\"given\":\"7\"}}"
a table of tables → CiviShare\ArgumentException: take: the value of first_name is an array within an array, which cannot be shared
no table → CiviShare\ArgumentException: take: translate must be an array of tables by name, from value to value
a list of names → CiviShare\ArgumentException: take: rename must be an array of strings by name
a resource → CiviShare\ArgumentException: constant: the value of first_name is a resource, which cannot be shared
no JSON → CiviShare\ArgumentException: change: this is not I-JSON: EOF while parsing an object at line 1 column 1

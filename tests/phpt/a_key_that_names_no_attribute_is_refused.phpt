--TEST--
A key that names no attribute is refused: numbers (PHP turns "12" into 12), bytes, control characters, nothing, too much
--FILE--
<?php
require __DIR__ . '/support.inc';
use CiviShare\Core;

foreach (['12' => 'number', '-5' => 'negative', '' => 'empty', "a\xff" => 'bytes', "a\0b" => 'NUL', "a\nb" => 'line end'] as $key => $label) {
  show($label, fn() => Core::settle(edit(['after' => [$key => 'x']])));
}
show('too long', fn() => Core::settle(edit(['after' => [str_repeat('n', 256) => 'x']])));
show('a list', fn() => Core::settle(edit(['after' => ['x', 'y']])));
foreach (['012', '1.5', 'Ä.ö', 'Custom_Group.field:name', str_repeat('n', 255), PHP_INT_MAX . '0'] as $key) {
  $attributes = told(edit(['operation' => 'create', 'after' => [$key => 'x']]))['attribute_changes'];
  var_dump($attributes[0]['name'] === $key);
}
?>
--EXPECT--
number → CiviShare\ArgumentException: after: a key is not the name of an attribute: up to 255 bytes of UTF-8, no number, no control characters
negative → CiviShare\ArgumentException: after: a key is not the name of an attribute: up to 255 bytes of UTF-8, no number, no control characters
empty → CiviShare\ArgumentException: after: a key is not the name of an attribute: up to 255 bytes of UTF-8, no number, no control characters
bytes → CiviShare\ArgumentException: after: a key is not the name of an attribute: up to 255 bytes of UTF-8, no number, no control characters
NUL → CiviShare\ArgumentException: after: a key is not the name of an attribute: up to 255 bytes of UTF-8, no number, no control characters
line end → CiviShare\ArgumentException: after: a key is not the name of an attribute: up to 255 bytes of UTF-8, no number, no control characters
too long → CiviShare\ArgumentException: after: a key is not the name of an attribute: up to 255 bytes of UTF-8, no number, no control characters
a list → CiviShare\ArgumentException: after: a key is not the name of an attribute: up to 255 bytes of UTF-8, no number, no control characters
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)

--TEST--
A value keeps its meaning on the way to the wire and back
--FILE--
<?php
require __DIR__ . '/support.inc';
use CiviShare\Core;

$text = 'Zoë "Q" \\ / <b> 漢字 😀 ' . "\u{2028}\u{fffd}";
$reference = 'by reference';
$values = [
  'true' => [TRUE, TRUE],
  'false' => [FALSE, FALSE],
  'zero' => [0, 0],
  'text zero' => ['0', '0'],
  'text one' => ['1', '1'],
  'leading zero' => ['007', '007'],
  'like a float' => ['1e3', '1e3'],
  'decimal' => ['12.50', '12.50'],
  'blank' => [' ', ' '],
  'empty' => ['', NULL],
  'null' => [NULL, NULL],
  'text' => [$text, $text],
  'NUL and controls' => ["a\0b\r\n\t\x7f\u{80}", "a\0b\r\n\t\x7f\u{80}"],
  'not normalised' => ["e\u{301}", "e\u{301}"],
  'largest safe' => [9007199254740991, 9007199254740991],
  'least safe' => [-9007199254740991, -9007199254740991],
  'beyond safe' => [9007199254740992, '9007199254740992'],
  'PHP_INT_MAX' => [PHP_INT_MAX, '9223372036854775807'],
  'PHP_INT_MIN' => [PHP_INT_MIN, '-9223372036854775808'],
  'list' => [['b', 'a', 'ä', '10', '9'], ['10', '9', 'a', 'b', 'ä']],
  'list of numbers' => [[3, 1, 2], [1, 2, 3]],
  'empty list' => [[], []],
  'huge text' => [str_repeat('ä', 1 << 20), str_repeat('ä', 1 << 20)],
  'long list' => [range(100, 999), range(100, 999)],
];
foreach ($values as $label => [$given, $expected]) {
  if (on_the_wire($given) !== $expected) {
    show($label, fn() => on_the_wire($given));
  }
}
var_dump(on_the_wire($reference) === 'by reference');
$alias = &$reference;
$list = [&$reference, 'z'];
var_dump(on_the_wire($alias) === 'by reference', on_the_wire($list) === ['by reference', 'z']);

// What the peer is handed is what was written.
$wide = [];
foreach ($values as $label => [$given]) {
  $wide[str_replace(' ', '_', $label)] = $given;
}
$text = Core::settle(edit(['operation' => 'create', 'after' => $wide, 'before' => []]))['changes'][0]['text'];
$decided = Core::decide($text, NULL, ['node' => 'https://beta.example.org', 'now' => 1800000000000, 'peering' => 1]);
foreach ($values as $label => [, $expected]) {
  $name = str_replace(' ', '_', $label);
  if (($decided['write'][$name] ?? NULL) !== $expected) {
    echo "$label came as ", json_encode($decided['write'][$name] ?? NULL), "\n";
  }
}
echo "compared ", count($values), "\n";
?>
--EXPECT--
bool(true)
bool(true)
bool(true)
compared 24

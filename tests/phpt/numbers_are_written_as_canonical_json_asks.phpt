--TEST--
Numbers are written as canonical JSON asks: 1.0 is 1, -0.0 is 0, and doubles in their shortest form
--FILE--
<?php
require __DIR__ . '/support.inc';
foreach ([1.0, -0.0, 0.1, 1.5e300, 5e-324, 1e21, 123456789012345680000.0, 9007199254740992.0, -1.25] as $number) {
  $text = CiviShare\Core::settle(edit(['after' => ['first_name' => $number]]))['changes'][0]['text'];
  preg_match('/"to":([^,]*)/', $text, $found);
  echo $found[1], (float) $found[1] === $number + 0.0 ? '' : ' differs', "\n";
}
?>
--EXPECT--
1
0
0.1
1.5e+300
5e-324
1e+21
123456789012345680000
9007199254740992
-1.25

--TEST--
Each parameter of each function, given each wrong kind of value, throws an ArgumentException
--EXTENSIONS--
posix
pcntl
--FILE--
<?php
require __DIR__ . '/support.inc';
use CiviShare\ArgumentException;

$closed = fopen('php://memory', 'r');
fclose($closed);
$recursive = [];
$recursive[] = &$recursive;
$wrong = [
  'string' => [
    'NULL' => NULL, 'int' => 1, 'float' => NAN, 'bool' => TRUE, 'array' => [], 'recursive array' => $recursive,
    'object' => new stdClass(), 'closure' => fn() => 'x', 'resource' => STDIN, 'closed resource' => $closed,
    'Stringable' => new class() {
      public function __toString(): string {
        return 'valid';
      }
    },
    'bytes' => "\xff", 'cut character' => "\xc3", 'surrogate' => "\xed\xa0\x80", 'overlong' => "\xc0\xaf", 'beyond Unicode' => "\xf5\x80\x80\x80",
  ],
  'int' => [
    'NULL' => NULL, 'negative' => -1, 'float' => 1.5, 'NAN' => NAN, 'bool' => TRUE, 'array' => [], 'text' => 'one', 'empty' => '',
    'plus' => '+1', 'blank' => ' 1', 'bytes' => "\xff", 'beyond' => '99999999999999999999', 'object' => new stdClass(), 'closed resource' => $closed,
  ],
  'bool' => ['NULL' => NULL, 'two' => 2, 'text' => 'yes', 'float' => 1.0, 'array' => [], 'object' => new stdClass()],
  'array' => [
    'NULL' => NULL, 'int' => 1, 'float' => INF, 'bool' => FALSE, 'string' => 'x', 'bytes' => "\xff",
    'ArrayObject' => new ArrayObject([]), 'generator' => (fn() => yield 1)(), 'resource' => STDIN, 'closed resource' => $closed,
  ],
];
$right = ['string' => 'a string of some length', 'array' => [], 'int' => 1, 'bool' => FALSE];

$tried = 0;
$try = function (ReflectionMethod $method, ?object $instance) use ($wrong, $right, &$tried) {
  foreach ($method->getParameters() as $position => $parameter) {
    $type = $parameter->getType();
    foreach ($wrong[$type->getName()] as $label => $value) {
      if ($value === NULL && $type->allowsNull()) {
        continue;
      }
      $arguments = array_map(fn($other) => $other->getType()->allowsNull() ? NULL : $right[$other->getType()->getName()], $method->getParameters());
      foreach (['change' => received(), 'request' => ['service' => 'hello', 'headers' => [], 'body' => ''], 'peering' => peering()] as $name => $good) {
        foreach ($method->getParameters() as $at => $other) {
          if ($other->getName() === $name && is_array($good) === ($other->getType()->getName() === 'array')) {
            $arguments[$at] = $good;
          }
        }
      }
      $arguments[$position] = $value;
      $tried++;
      try {
        $method->invokeArgs($instance, $arguments);
        echo "{$method->getName()}(\${$parameter->getName()}) took $label\n";
      }
      catch (ArgumentException $thrown) {
        if (!str_contains($thrown->getMessage(), '$' . $parameter->getName())) {
          echo "{$method->getName()} with $label: {$thrown->getMessage()}\n";
        }
      }
    }
  }
};
foreach ((new ReflectionClass(CiviShare\Core::class))->getMethods(ReflectionMethod::IS_STATIC) as $method) {
  $try($method, NULL);
}
$store = new CiviShare\Store('/nowhere/store.sqlite', NODE);
foreach ((new ReflectionClass($store))->getMethods() as $method) {
  if ($method->getName() !== '__construct') {
    $try($method, $store);
  }
}
foreach ($wrong['string'] as $label => $value) {
  foreach ([[$value, NODE], ['/nowhere', $value]] as $position => $arguments) {
    $tried++;
    $got = outcome(fn() => new CiviShare\Store(...$arguments));
    if ($got !== 'CiviShare\ArgumentException: $' . ['path', 'node'][$position] . ' must be a string in UTF-8') {
      echo "__construct with $label: $got\n";
    }
  }
}
echo $tried > 300 ? 'tried' : $tried, "\n";

show('too few', fn() => CiviShare\Core::checkSecret());
show('too many', fn() => CiviShare\Core::version('x'));
$reference = 'a string of some length';
$alias = &$reference;
show('a reference', fn() => CiviShare\Core::checkSecret($alias));
?>
--EXPECT--
tried
too few → ArgumentCountError: CiviShare\Core::checkSecret() expects exactly 1 argument, 0 given
too many → ArgumentCountError: CiviShare\Core::version() expects exactly 0 arguments, 1 given
a reference → null

--TEST--
All exceptions have one parent, and PHP can make, extend and catch them
--FILE--
<?php
use CiviShare\{ArgumentException, Exception, StoreException};

foreach ([Exception::class, ArgumentException::class, StoreException::class] as $class) {
  echo $class, ' < ', implode(' < ', class_parents($class)), (new ReflectionClass($class))->isFinal() ? ' final' : '', "\n";
}
$made = new StoreException('no store', 3, new Exception('cause'));
echo $made->getMessage(), ' ', $made->getCode(), ' ', $made->getPrevious()->getMessage(), ' ', basename($made->getFile()), ':', $made->getLine(), "\n";

$own = new class('own') extends ArgumentException {};
try {
  throw $own;
}
catch (Exception $caught) {
  echo $caught->getMessage(), "\n";
}
try {
  CiviShare\Core::checkSecret('short');
}
catch (ArgumentException $caught) {
  echo $caught->getMessage(), ' ', basename($caught->getFile()), ':', $caught->getLine(), "\n";
}
?>
--EXPECT--
CiviShare\Exception < Exception
CiviShare\ArgumentException < CiviShare\Exception < Exception
CiviShare\StoreException < CiviShare\Exception < Exception
no store 3 cause exceptions_have_one_parent.php:7
own
the shared secret holds 5 bytes, and at least 16 are needed: let one of the sites generate it exceptions_have_one_parent.php:18

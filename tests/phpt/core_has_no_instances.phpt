--TEST--
Core is a bag of functions: nothing makes an instance of it
--FILE--
<?php
require __DIR__ . '/support.inc';
use CiviShare\Core;

show('new', fn() => new Core());
show('reflection', fn() => (new ReflectionClass(Core::class))->newInstanceWithoutConstructor());
show('unserialize', fn() => unserialize('O:14:"CiviShare\Core":0:{}'));
show('final', fn() => (new ReflectionClass(Core::class))->isFinal());
?>
--EXPECT--
new → Exception: You cannot instantiate this class from PHP.
reflection → ReflectionException: Class CiviShare\Core is an internal class marked as final that cannot be instantiated without invoking its constructor
unserialize → Exception: Unserialization of 'CiviShare\Core' is not allowed
final → true

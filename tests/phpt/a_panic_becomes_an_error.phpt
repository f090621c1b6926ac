--TEST--
A panic becomes an Error, says nothing on standard error, and PHP lives on
--FILE--
<?php
require __DIR__ . '/support.inc';
show('panic', fn() => civishare_panic());
show('again', fn() => civishare_panic());
show('alive', fn() => strlen(CiviShare\Core::newUid()));
?>
--EXPECT--
panic → Error: Rust panic: on purpose
again → Error: Rust panic: on purpose
alive → 36

<?php

/**
 * @file
 * bin/php SCRIPT [ARGUMENT…]: runs a script in CiviCRM, as the administrator. The script sees its own $argv.
 */

if ($argc < 2 || is_dir($argv[1]) || !is_readable($argv[1])) {
  fwrite(STDERR, "usage: php SCRIPT [ARGUMENT...]\n");
  exit(64);
}
array_shift($argv);
$_SERVER['argc'] = --$argc;
$_SERVER['argv'] = $argv;
// A pipe has no real path.
$_SERVER['PHP_SELF'] = $_SERVER['SCRIPT_FILENAME'] = realpath($argv[0]) ?: $argv[0];
require __DIR__ . '/bootstrap.php';

// Instead of the pages that CiviCRM and WordPress print, the second for errors of the database.
set_exception_handler(function (Throwable $e) {
  // As text a PEAR_Exception is an HTML table, and leaves out what the database said.
  $cause = $e instanceof PEAR_Exception ? $e->getCause() : NULL;
  fwrite(STDERR, sprintf("PHP: uncaught %s: %s in %s:%d\n%s%s\n", get_class($e), $e->getMessage(), $e->getFile(), $e->getLine(),
    $cause instanceof PEAR_Error ? $cause->getUserInfo() . "\n" : '', $e->getTraceAsString()));
  exit(255);
});
$hostErrorScope = CRM_Core_TemporaryErrorScope::useException();
require $_SERVER['SCRIPT_FILENAME'];

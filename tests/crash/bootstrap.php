<?php
declare(strict_types = 1);

// The sites are those of the end-to-end tests, and so is the harness.
require __DIR__ . '/../e2e/bootstrap.php';

spl_autoload_register(function (string $class): void {
  if (strncmp($class, 'CiviShare\\Crash\\', 16) === 0) {
    $file = __DIR__ . '/' . substr($class, 16) . '.php';
    if (is_file($file)) {
      require $file;
    }
  }
});

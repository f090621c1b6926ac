<?php
declare(strict_types = 1);

// Warnings become errors in the harness too.
error_reporting(E_ALL);
date_default_timezone_set('UTC');

spl_autoload_register(function (string $class): void {
  if (strncmp($class, 'CiviShare\\E2e\\', 14) === 0) {
    $file = __DIR__ . '/harness/' . substr($class, 14) . '.php';
    if (is_file($file)) {
      require $file;
    }
  }
});

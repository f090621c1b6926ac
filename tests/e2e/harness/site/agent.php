<?php

/**
 * @file
 * Runs in CiviCRM, by SITE_PHP: evaluates the PHP code that comes in on stdin, one JSON line each, and answers on stdout.
 * What is printed besides is noise of the CMS, so each answer has a mark. The process ends with its input, as a request would.
 */

(function () {
  $say = function (array $answer): void {
    $flags = JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE | JSON_PRESERVE_ZERO_FRACTION;
    fwrite(STDOUT, "\n\x1ecivishare " . json_encode($answer, $flags) . "\n");
  };
  $say(['pid' => getmypid()]);
  while (($line = fgets(STDIN)) !== FALSE) {
    $command = json_decode($line, TRUE);
    $run = static function () use ($command, $say) {
      extract($command['args']);
      return eval($command['code']);
    };
    if (!empty($command['uncaught'])) {
      $say(['result' => $run()]);
      continue;
    }
    try {
      $say(['result' => $run()]);
    }
    catch (\Throwable $e) {
      $say(['error' => get_class($e), 'message' => $e->getMessage(), 'trace' => $e->getFile() . ':' . $e->getLine() . "\n" . $e->getTraceAsString()]);
    }
  }
})();

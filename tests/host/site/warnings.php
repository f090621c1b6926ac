<?php

/**
 * @file
 * Silences the warnings of CiviCRM's and WordPress' own files, of which PHP 8.2 finds thousands, and writes those of
 * the extension `civishare` to civishare-warnings.log, one a line: level, message, file:line, with tabs in between.
 *
 * PHP calls an error handler whatever error_reporting() says, so CiviCRM and WordPress may set that as they like. A
 * few libraries put a handler of their own in place around a single call and take it away again; nothing else does.
 */

/**
 * Errors only: CiviCRM's job queue fails on every warning that is reported. E_CORE_WARNING, which no script can
 * raise, is a mark: the @ operator takes it away, so its absence tells what was silenced on purpose.
 */
const HOST_ERROR_REPORTING = E_ERROR | E_PARSE | E_CORE_ERROR | E_COMPILE_ERROR | E_USER_ERROR | E_RECOVERABLE_ERROR | E_CORE_WARNING;

/**
 * Whether a file belongs to the extension, be it reached by its symlink or by its real path.
 */
function host_is_ours(string $file): bool {
  $ours = HOST_SITE['ext_dir'] . '/civishare';
  $real = realpath($ours);
  return strncmp($file, "$ours/", strlen($ours) + 1) === 0
    || ($real !== FALSE && strncmp($file, "$real/", strlen($real) + 1) === 0);
}

/**
 * Writes a warning down, once a process.
 */
function host_log_warning(int $level, string $message, string $file, int $line): void {
  static $names, $seen = [];
  $names ??= array_flip(array_filter(get_defined_constants(TRUE)['Core'],
    fn($name) => strncmp($name, 'E_', 2) === 0 && !in_array($name, ['E_ALL', 'E_STRICT']), ARRAY_FILTER_USE_KEY));
  $text = ($names[$level] ?? $level) . "\t" . strtr($message, "\t\r\n", '   ') . "\t$file:$line\n";
  if (isset($seen[$text])) {
    return;
  }
  $seen[$text] = TRUE;
  file_put_contents(__DIR__ . '/civishare-warnings.log', $text, FILE_APPEND | LOCK_EX);
  if (PHP_SAPI === 'cli') {
    fwrite(STDERR, $text);
  }
}

function host_error_handler(int $level, string $message, string $file = '', int $line = 0): bool {
  static $web = __DIR__ . '/web/';
  $inTree = strncmp($file, $web, strlen($web)) === 0;
  // Most of what comes here is CiviCRM's own, and is to cost nothing.
  if ($inTree && strncmp($file, HOST_SITE['ext_dir'], strlen(HOST_SITE['ext_dir'])) !== 0) {
    return TRUE;
  }
  if (!(error_reporting() & E_CORE_WARNING)) {
    return TRUE;
  }
  if (host_is_ours($file)) {
    host_log_warning($level, $message, $file, $line);
  }
  elseif (PHP_SAPI === 'cli' && !$inTree && strncmp($file, __DIR__, strlen(__DIR__)) !== 0 && strpos($file, '%%') === FALSE) {
    // A script that was given to bin/php: its author wants to know. (%% is in the names of compiled templates.)
    fwrite(STDERR, "PHP: $message in $file:$line\n");
  }
  return TRUE;
}

error_reporting(HOST_ERROR_REPORTING);
set_error_handler('host_error_handler');

// What ends the script passes every handler by.
register_shutdown_function(function () {
  $last = error_get_last();
  if ($last && ($last['type'] & (E_ERROR | E_PARSE | E_CORE_ERROR | E_COMPILE_ERROR)) && host_is_ours($last['file'])) {
    host_log_warning($last['type'], $last['message'], $last['file'], $last['line']);
  }
});

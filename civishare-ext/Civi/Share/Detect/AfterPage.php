<?php
declare(strict_types = 1);

namespace Civi\Share\Detect;

/**
 * Work for after the page has gone out, which only FPM and LiteSpeed can tell.
 */
final class AfterPage {

  /**
   * @param callable $work
   *   Gets TRUE.
   *
   * @return bool
   *   FALSE if this server can not do it; nothing happens then.
   */
  public static function run(callable $work): bool {
    $finish = self::finisher();
    if ($finish === NULL) {
      return FALSE;
    }
    // A second time round, behind the shutdown functions that still write to the page.
    register_shutdown_function(function () use ($work, $finish): void {
      if (session_status() === PHP_SESSION_ACTIVE) {
        session_write_close();
      }
      ignore_user_abort(TRUE);
      $finish();
      $work(TRUE);
    });
    return TRUE;
  }

  private static function finisher(): ?string {
    foreach (['fastcgi_finish_request', 'litespeed_finish_request'] as $function) {
      if (function_exists($function)) {
        return $function;
      }
    }
    return NULL;
  }

}

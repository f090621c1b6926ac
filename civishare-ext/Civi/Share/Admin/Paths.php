<?php
declare(strict_types = 1);

namespace Civi\Share\Admin;

/**
 * Shows CiviCRM where this extension's templates and api/v3 files are: versions without mixins look only along these paths.
 */
final class Paths {

  private static bool $registered = FALSE;

  public static function register(): void {
    if (self::$registered) {
      return;
    }
    self::$registered = TRUE;
    $root = dirname(__DIR__, 3) . DIRECTORY_SEPARATOR;
    set_include_path($root . PATH_SEPARATOR . get_include_path());
    // The one way to say it that Smarty 2 to 5 and CiviCRM's wrappers around them all understand.
    \CRM_Core_Smarty::singleton()->addTemplateDir($root . 'templates');
  }

}

<?php

/**
 * Finds this extension's classes at any time.
 *
 * CiviCRM 5.33 knows a new extension's classes only after its install hook has run, and one that is disabled not at all when
 * it is uninstalled; it never looks for CRM_ classes of extensions except along the include path.
 */
final class CRM_Share_Autoload {

  public static function register(): void {
    static $done = FALSE;
    if ($done) {
      return;
    }
    $done = TRUE;
    spl_autoload_register([__CLASS__, 'load']);
  }

  /**
   * @param string $class
   */
  public static function load($class): void {
    $file = self::file($class);
    if ($file !== NULL && is_file($file)) {
      require_once $file;
    }
  }

  private static function file(string $class): ?string {
    $root = dirname(__DIR__, 2) . DIRECTORY_SEPARATOR;
    if (strncmp($class, 'Civi\\Share\\', 11) === 0) {
      return $root . strtr($class, '\\', DIRECTORY_SEPARATOR) . '.php';
    }
    if (strncmp($class, 'CRM_Share_', 10) === 0) {
      return $root . strtr($class, '_', DIRECTORY_SEPARATOR) . '.php';
    }
    return NULL;
  }

}

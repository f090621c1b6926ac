<?php
declare(strict_types = 1);

namespace Civi\Share;

/**
 * Where the native module's queues live: one file in CiviCRM's private upload folder, out of reach of the web.
 */
final class StorePath {

  const DEFAULT_FILE = 'civishare/store.sqlite';

  /**
   * The file's absolute path. Makes its folder on the way, so that the module only has to open the file.
   */
  public static function get(): string {
    $path = self::configured() ?? self::standard();
    self::protect(dirname($path));
    return $path;
  }

  /**
   * Takes the standard store and its folder away with the extension: it holds people's data. One that was put elsewhere is left
   * alone.
   */
  public static function remove(): void {
    $folder = dirname(self::standard());
    foreach (is_dir($folder) ? scandir($folder) : [] as $file) {
      if (is_file($folder . '/' . $file)) {
        unlink($folder . '/' . $file);
      }
    }
    if (is_dir($folder)) {
      rmdir($folder);
    }
  }

  private static function configured(): ?string {
    $path = trim((string) \Civi::settings()->get('civishare_store_path'));
    return $path === '' ? NULL : $path;
  }

  /**
   * The upload folder is private in every CiviCRM; [civicrm.private] is its parent, which is web-reachable on some.
   */
  private static function standard(): string {
    return rtrim(\CRM_Core_Config::singleton()->uploadDir, '/\\') . '/' . self::DEFAULT_FILE;
  }

  /**
   * The folder is for the web server's user alone. Existing folders keep their mode: an administrator may have meant it.
   */
  private static function protect(string $folder): void {
    if (is_dir($folder)) {
      return;
    }
    @mkdir($folder, 0700, TRUE);
    @file_put_contents($folder . '/.htaccess', "<IfModule !mod_authz_core.c>\nDeny from all\n</IfModule>\n<IfModule mod_authz_core.c>\nRequire all denied\n</IfModule>\n");
    @file_put_contents($folder . '/index.html', '');
  }

}

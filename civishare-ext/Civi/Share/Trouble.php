<?php
declare(strict_types = 1);

namespace Civi\Share;

/**
 * What went wrong where nobody was to be disturbed: written to CiviCRM's log and kept for the System Status page.
 *
 * It is kept in the database until the same work has gone well again.
 */
final class Trouble {

  private const PREFIX = 'trouble:';

  /**
   * @var array<string, string>
   *   What is still to be written, for lack of a moment outside of a transaction.
   */
  private static array $pending = [];

  /**
   * @param string $where
   *   A word for the work, such as "record" or "apply".
   */
  public static function note(string $where, \Throwable $e): void {
    try {
      \Civi::log()->error(sprintf('CiviShare, step "%s": %s (%s:%d)', $where, $e->getMessage(), basename($e->getFile()), $e->getLine()));
      if (self::$pending === []) {
        register_shutdown_function([self::class, 'keep']);
      }
      self::$pending[$where] = json_encode(['time' => time(), 'message' => $e->getMessage()], JSON_INVALID_UTF8_SUBSTITUTE);
    }
    catch (\Throwable $ignored) {
      // Where not even this can be done, the save that met it still has to go on.
    }
  }

  /**
   * Writes down what was noted. Public for register_shutdown_function().
   */
  public static function keep(): void {
    try {
      if (!Db::inTransaction()) {
        foreach (self::$pending as $where => $trouble) {
          Db::run('REPLACE INTO civicrm_share_instance (name, value) VALUES (' . Db::quoteAll([self::PREFIX . $where, $trouble]) . ')');
        }
        self::$pending = [];
        unset(\Civi::$statics[__CLASS__]);
      }
    }
    catch (\Throwable $ignored) {
      // It stands in the log.
    }
  }

  /**
   * The work went well.
   */
  public static function clear(string $where): void {
    if (isset(self::all()[$where]) && !isset(self::$pending[$where])) {
      Db::run('DELETE FROM civicrm_share_instance WHERE name = ' . Db::quote(self::PREFIX . $where));
      unset(\Civi::$statics[__CLASS__]);
    }
  }

  /**
   * @return array<string, array>
   *   Word => ['time' => Unix time, 'message' => sentence].
   */
  public static function all(): array {
    if (!isset(\Civi::$statics[__CLASS__])) {
      \Civi::$statics[__CLASS__] = [];
      foreach (Db::rows("SELECT name, value FROM civicrm_share_instance WHERE name LIKE 'trouble:%'") as $row) {
        \Civi::$statics[__CLASS__][substr($row['name'], strlen(self::PREFIX))] = (array) json_decode((string) $row['value'], TRUE);
      }
    }
    return \Civi::$statics[__CLASS__];
  }

}

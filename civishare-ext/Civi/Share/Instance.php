<?php
declare(strict_types = 1);

namespace Civi\Share;

/**
 * Facts about this installation that live with its database: the UUID by which a copy is told from the original, and what the jobs
 * have to remember from one run to the next.
 */
final class Instance {

  private static ?string $id = NULL;

  /**
   * The UUID of this database. One that was restored or goes its own way gets another.
   */
  public static function id(): string {
    return self::$id ??= (string) self::fact('instance');
  }

  public static function fact(string $name): ?string {
    return Db::value('SELECT value FROM civicrm_share_instance WHERE name = ' . Db::quote($name));
  }

  /**
   * @param string|null $value
   *   NULL forgets it.
   */
  public static function note(string $name, ?string $value): void {
    if ($value === NULL) {
      Db::run('DELETE FROM civicrm_share_instance WHERE name = ' . Db::quote($name));
    }
    else {
      Db::run('INSERT INTO civicrm_share_instance (name, value) VALUES (' . Db::quoteAll([$name, $value]) . ')
        ON DUPLICATE KEY UPDATE value = VALUES(value)');
    }
    if ($name === 'instance') {
      self::$id = $value;
    }
  }

}

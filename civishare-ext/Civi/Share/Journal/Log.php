<?php
declare(strict_types = 1);

namespace Civi\Share\Journal;

use Civi\Share\Db;
use Civi\Share\Type\ChangeType;

/**
 * CiviCRM's extended logging: which rows its tables say were touched.
 *
 * It sees neither what foreign keys delete or empty, nor what differs in nothing but case, accents, or NULL and "" (its triggers compare
 * by the columns' collation).
 */
final class Log {

  /**
   * Rows are dated when they are written, and seen when their transaction is committed. Seconds.
   */
  const OVERLAP = 600;

  /**
   * What is written under this request while a change is applied is no edit of this site. The column has room for 17 characters.
   */
  const APPLYING = 'civishare';

  public static function isOn(): bool {
    return (bool) \Civi::settings()->get('logging');
  }

  /**
   * Tables of a type that are not logged, so that nothing of them is noticed.
   *
   * @return string[]
   */
  public static function lacking(ChangeType $type): array {
    return array_values(array_filter(array_keys($type->tables()), function (string $table): bool {
      return !self::has($table);
    }));
  }

  public static function now(): int {
    return (int) Db::value('SELECT UNIX_TIMESTAMP()');
  }

  /**
   * @param int $since
   *   Unix time.
   *
   * @return array<int, array{time: int, applied: bool}>
   *   Entity => when it was last touched (Unix milliseconds), and whether by nothing but applying.
   */
  public static function touched(ChangeType $type, int $since): array {
    $touched = [];
    foreach ($type->tables() as $table => $key) {
      foreach (self::has($table) ? self::rows($table, $key, $since) : [] as $row) {
        $one = $touched[(int) $row['entity']] ?? ['time' => 0, 'applied' => TRUE];
        $touched[(int) $row['entity']] = [
          'time' => max($one['time'], 1000 * (int) $row['time']),
          'applied' => $one['applied'] && $row['edits'] === '0',
        ];
      }
    }
    ksort($touched);
    return $touched;
  }

  private static function rows(string $table, string $key, int $since): array {
    return Db::rows("SELECT `$key` entity, UNIX_TIMESTAMP(MAX(log_date)) time, SUM(COALESCE(log_conn_id, '') NOT LIKE '" . self::APPLYING . "%') edits
      FROM " . self::name($table) . " WHERE log_date >= FROM_UNIXTIME($since) AND `$key` IS NOT NULL AND log_action <> 'Initialization' GROUP BY `$key`");
  }

  private static function has(string $table): bool {
    static $has = [];
    return $has[$table] ??= Db::rows('SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = ' . Db::quote(self::database()) .
      ' AND TABLE_NAME = ' . Db::quote("log_$table")) !== [];
  }

  private static function name(string $table): string {
    return '`' . self::database() . "`.`log_$table`";
  }

  /**
   * The log may lie in a database of its own.
   */
  private static function database(): string {
    static $database = NULL;
    return $database ??= (string) \DB::parseDSN(defined('CIVICRM_LOGGING_DSN') ? CIVICRM_LOGGING_DSN : CIVICRM_DSN)['database'];
  }

}

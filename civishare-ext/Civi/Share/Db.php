<?php
declare(strict_types = 1);

namespace Civi\Share;

/**
 * Few and quick queries on CiviCRM's own connection, for the hooks and the jobs.
 *
 * CiviCRM's query layer costs as much as the query itself, and after a deadlock it repeats only the failed statement, although
 * InnoDB has rolled back the whole transaction (packages/DB/DataObject.php). Here a failed statement always throws.
 */
final class Db {

  /**
   * A deadlock, a lock that did not come in time, and a row that another process wrote first: worth another try.
   */
  const RETRY = [1213, 1205, 1062, DbException::CHANGED];

  const ATTEMPTS = 5;

  /**
   * "SAVEPOINT … does not exist": what the server says outside of a transaction.
   */
  private const NO_SAVEPOINT = 1305;

  /**
   * @return array[]
   */
  public static function rows(string $sql): array {
    $result = self::query($sql);
    $rows = $result->fetch_all(MYSQLI_ASSOC);
    $result->free();
    return $rows;
  }

  /**
   * The first column of the first row.
   */
  public static function value(string $sql): ?string {
    $rows = self::rows($sql);
    return $rows === [] ? NULL : current($rows[0]);
  }

  /**
   * @return int
   *   How many rows it wrote.
   */
  public static function run(string $sql): int {
    self::query($sql);
    return (int) self::connection()->affected_rows;
  }

  /**
   * A value as an SQL literal.
   */
  public static function quote(?string $value): string {
    return $value === NULL ? 'NULL' : "'" . self::connection()->real_escape_string($value) . "'";
  }

  /**
   * A list of strings as SQL literals with commas between.
   *
   * @param string[] $values
   */
  public static function quoteAll(array $values): string {
    return implode(',', array_map([self::class, 'quote'], $values));
  }

  /**
   * Runs $work in a transaction of its own, again after a deadlock. Not to be called inside another one.
   *
   * @param callable $prepare
   *   Runs before each attempt, outside of the transaction; what it gives is handed to $work. A read in the transaction before its
   *   locks are held would fix what later reads see.
   *
   * @return mixed
   *   What $work gives.
   */
  public static function transaction(callable $prepare, callable $work) {
    for ($attempt = 1;; $attempt++) {
      $prepared = $prepare();
      try {
        return self::once(function () use ($work, $prepared) {
          return $work($prepared);
        });
      }
      catch (\Throwable $e) {
        if ($attempt >= self::ATTEMPTS || !self::isRetryable($e)) {
          throw $e;
        }
        usleep(random_int(1000, 10000) * $attempt);
      }
    }
  }

  /**
   * Runs $work in a transaction of its own, once.
   *
   * @return mixed
   *   What $work gives.
   */
  public static function once(callable $work) {
    self::query('START TRANSACTION');
    try {
      $result = $work();
      self::query('COMMIT');
      return $result;
    }
    catch (\Throwable $e) {
      self::rollback();
      throw $e;
    }
  }

  /**
   * Runs one statement that is a transaction by itself, again after a deadlock. Inside of a transaction it runs once: there a deadlock
   * takes everything before it along.
   *
   * @return mixed
   *   What $statement gives.
   */
  public static function again(callable $statement) {
    for ($attempt = 1;; $attempt++) {
      try {
        return $statement();
      }
      catch (DbException $e) {
        if ($attempt >= self::ATTEMPTS || !self::isRetryable($e) || \CRM_Core_Transaction::isActive()) {
          throw $e;
        }
        usleep(random_int(1000, 10000) * $attempt);
      }
    }
  }

  public static function isRetryable(\Throwable $e): bool {
    return $e instanceof DbException && in_array($e->getCode(), self::RETRY, TRUE);
  }

  /**
   * Is a transaction open, be it CiviCRM's or one begun by raw SQL?
   *
   * MySQL has no variable for it, but a savepoint lives only inside of one.
   */
  public static function inTransaction(): bool {
    if (\CRM_Core_Transaction::isActive()) {
      return TRUE;
    }
    if (self::transactionFlag() !== 'NULL') {
      return self::value('SELECT ' . self::transactionFlag()) === '1';
    }
    self::query('SAVEPOINT civishare_probe');
    try {
      self::query('RELEASE SAVEPOINT civishare_probe');
      return TRUE;
    }
    catch (DbException $e) {
      if ($e->getCode() === self::NO_SAVEPOINT) {
        return FALSE;
      }
      throw $e;
    }
  }

  /**
   * An expression that tells the same in any SELECT, without a query of its own; NULL on servers that have none.
   */
  public static function transactionFlag(): string {
    return strpos(self::connection()->server_info, 'MariaDB') === FALSE ? 'NULL' : '@@in_transaction';
  }

  /**
   * Does the server answer? Once it has gone, nothing more goes over this connection, even if it has come back.
   */
  public static function answers(): bool {
    try {
      return self::value('SELECT 1') === '1';
    }
    catch (DbException $e) {
      return FALSE;
    }
  }

  public static function connectionId(): int {
    return (int) self::connection()->thread_id;
  }

  private static function rollback(): void {
    try {
      self::query('ROLLBACK');
    }
    catch (\Throwable $e) {
      // The connection is gone, and the transaction with it; what went wrong first is what the caller has to know.
    }
  }

  /**
   * @return \mysqli_result|bool
   */
  private static function query(string $sql) {
    $connection = self::connection();
    try {
      $result = $connection->query($sql);
    }
    catch (\mysqli_sql_exception $e) {
      throw new DbException($e->getMessage(), (int) $e->getCode(), $e);
    }
    if ($result === FALSE) {
      throw new DbException($connection->error, $connection->errno);
    }
    return $result;
  }

  /**
   * Asked anew each time: CiviCRM replaces it when it reconnects.
   */
  private static function connection(): \mysqli {
    static $dsn = NULL;
    $pool = $GLOBALS['_DB_DATAOBJECT']['CONNECTIONS'] ?? [];
    if ($dsn === NULL || !isset($pool[$dsn])) {
      $dao = new \CRM_Core_DAO();
      $dao->getDatabaseConnection();
      $dsn = $dao->_database_dsn_md5;
      $pool = $GLOBALS['_DB_DATAOBJECT']['CONNECTIONS'];
    }
    $connection = $pool[$dsn]->connection;
    if (!$connection instanceof \mysqli) {
      throw new DbException('CiviCRM is not connected through mysqli.');
    }
    return $connection;
  }

}

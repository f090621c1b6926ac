<?php
declare(strict_types = 1);

namespace Civi\Share\Journal;

use Civi\Share\Db;
use Civi\Share\DbException;
use Civi\Share\Type\ChangeType;

/**
 * The journal's rows: open ones tell that something was written, settled ones carry the changes until the outbox has them.
 *
 * Rows are handled in the order of their ids and deleted by them alone: ids are not in the order of commits.
 */
final class Journal {

  const NOW = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(3)) DIV 1000";

  private const COLUMNS = 'j.id, j.table_name, j.entity_id, j.operation, j.`columns`, j.time_ms, j.cause';

  /**
   * Condition for the rows of this request, as the triggers write it down.
   */
  public static function thisRequest(): string {
    static $condition = [];
    $connection = Db::connectionId();
    return $condition[$connection] ??= 'j.request = ' .
      Db::quote(Db::value("SELECT LEFT(CONVERT(COALESCE(@uniqueID, '') USING ascii), 64)")) . " AND j.connection_id = $connection";
  }

  /**
   * Open rows and the states of the entities that they concern, without a lock. What a transaction then locks comes from here, so
   * that it locks existing rows only, never a gap in which others want to insert.
   *
   * @param string $where
   *   Condition on the journal as j.
   */
  public static function find(string $where, int $limit): Found {
    // Three quick look-ups, rows, states and values, take less time than one join of the three tables.
    $rows = Db::rows('SELECT ' . self::COLUMNS . ', ' . Db::transactionFlag() . " in_transaction
      FROM civicrm_share_journal j WHERE j.payload IS NULL AND $where ORDER BY j.id LIMIT $limit");
    return new Found($rows);
  }

  /**
   * Open rows of people's edits of some entities.
   *
   * @param int[] $entities
   * @param int[] $but
   *   Ids of rows that are known already.
   *
   * @return array[]
   */
  public static function openOf(ChangeType $type, array $entities, array $but): array {
    return Db::rows('SELECT ' . self::COLUMNS . ' FROM civicrm_share_journal j
      WHERE j.payload IS NULL AND j.cause IS NULL AND j.table_name IN (' . Db::quoteAll(array_keys($type->tables())) . ')
      AND j.entity_id IN (' . implode(',', $entities) . ') AND j.id NOT IN (' . implode(',', $but) . ')');
  }

  /**
   * Open rows that a cause has brought about in this connection's transaction.
   *
   * @return array[]
   */
  public static function ofCause(string $cause): array {
    return Db::rows('SELECT ' . self::COLUMNS . ' FROM civicrm_share_journal j
      WHERE ' . self::thisRequest() . ' AND j.cause = ' . Db::quote($cause) . ' AND j.payload IS NULL ORDER BY j.id');
  }

  /**
   * The same for many causes.
   *
   * @param string[] $causes
   *
   * @return array<string, array[]>
   *   By cause.
   */
  public static function ofCauses(array $causes): array {
    $rows = array_fill_keys($causes, []);
    foreach (Db::rows('SELECT ' . self::COLUMNS . ' FROM civicrm_share_journal j
      WHERE ' . self::thisRequest() . ' AND j.cause IN (' . Db::quoteAll($causes) . ') AND j.payload IS NULL ORDER BY j.id') as $row) {
      $rows[$row['cause']][] = $row;
    }
    return $rows;
  }

  /**
   * Writes a row of our own, for something that no trigger saw.
   *
   * @param int|null $time
   *   When it happened, Unix milliseconds; NULL for now.
   *
   * @return int
   *   Its id.
   */
  public static function add(string $table, int $entityId, string $operation, ?string $cause, ?string $column = NULL, ?int $time = NULL): int {
    Db::run('INSERT INTO civicrm_share_journal (table_name, entity_id, operation, `columns`, time_ms, connection_id, cause) VALUES (' .
      Db::quote($table) . ", $entityId, " . Db::quote($operation) . ', ' . Db::quote($column) . ', ' . ($time ?? (int) (microtime(TRUE) * 1000)) . ', CONNECTION_ID(), ' .
      Db::quote($cause) . ')');
    return (int) Db::value('SELECT LAST_INSERT_ID()');
  }

  /**
   * Settles open rows: the first one carries these changes until they are in the outbox, the others are no longer needed.
   *
   * @param int[] $ids
   * @param array[] $changes
   *   As \CiviShare\Core gives them.
   *
   * @return array<int, array[]>
   *   The row that carries the changes => the changes. Empty if there are none.
   *
   * @throws \Civi\Share\DbException
   *   With code CHANGED if somebody else has settled one of them meanwhile.
   */
  public static function settle(array $ids, array $changes): array {
    $carried = [];
    if ($changes !== []) {
      $carrier = (int) array_shift($ids);
      // It is no longer one of the request's open rows, so the index need not lead to it. Its time is from now on that of settling:
      // the changes of an entity go out in the order in which they were settled, which need not be that of the rows.
      self::expect(1, 'UPDATE civicrm_share_journal SET request = NULL, payload = ' . Db::quote(self::payload($changes)) . ',
        time_ms = ' . self::NOW . " WHERE id = $carrier AND payload IS NULL");
      $carried = [$carrier => $changes];
    }
    if ($ids !== []) {
      self::expect(count($ids), 'DELETE FROM civicrm_share_journal WHERE id IN (' . implode(',', $ids) . ') AND payload IS NULL');
    }
    return $carried;
  }

  private static function expect(int $rows, string $sql): void {
    if (Db::run($sql) !== $rows) {
      throw new DbException('Another process has settled the same rows of the journal.', DbException::CHANGED);
    }
  }

  /**
   * In ASCII: the column has the site's character set, which may know no emoji although a custom field's does.
   */
  private static function payload(array $changes): string {
    return json_encode($changes, JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR);
  }

  /**
   * Settled rows whose changes may not be in the outbox yet, in the order of their settling: what was left behind by a process that
   * died may be settled after later edits, and a creation has to arrive before them.
   *
   * @return array<int, array[]>
   *   Row => changes.
   */
  public static function settled(int $limit): array {
    $settled = [];
    foreach (Db::rows("SELECT id, payload FROM civicrm_share_journal WHERE payload IS NOT NULL ORDER BY time_ms, id LIMIT $limit") as $row) {
      $settled[(int) $row['id']] = (array) json_decode($row['payload'], TRUE);
    }
    return $settled;
  }

  /**
   * @param int[] $ids
   */
  public static function delete(array $ids): void {
    if ($ids !== []) {
      Db::run('DELETE FROM civicrm_share_journal WHERE id IN (' . implode(',', $ids) . ')');
    }
  }

}

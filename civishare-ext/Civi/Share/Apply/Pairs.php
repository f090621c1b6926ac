<?php
declare(strict_types = 1);

namespace Civi\Share\Apply;

use Civi\Share\Db;

/**
 * Contacts of this site that are one contact for a peer (protocol.md, "Message", on same_as): proposals to merge them. Whether they
 * are one is for a person to say, on CiviCRM's own merge screen, who may also say there that they are not.
 */
final class Pairs {

  /**
   * So many are named at once.
   */
  const LIMIT = 10;

  public static function note(int $peering, int $one, int $other): void {
    Db::run('INSERT IGNORE INTO civicrm_share_pair (peering_id, contact_id1, contact_id2) VALUES (' . implode(', ', [$peering, min($one, $other), max($one, $other)]) . ')');
  }

  /**
   * Those that nobody has decided about yet.
   *
   * @return array<array{peering_id: string, contact_id1: string, contact_id2: string, name1: string, name2: string}>
   */
  public static function open(): array {
    return Db::rows('SELECT p.peering_id, p.contact_id1, p.contact_id2, one.display_name name1, other.display_name name2
      ' . self::undecided() . ' ORDER BY p.id LIMIT ' . self::LIMIT);
  }

  public static function count(): int {
    return (int) Db::value('SELECT COUNT(*) ' . self::undecided());
  }

  /**
   * Forgets those that were merged or deleted, or are no duplicates.
   */
  public static function sweep(): void {
    Db::run('DELETE FROM civicrm_share_pair WHERE id NOT IN (SELECT id FROM (SELECT p.id ' . self::undecided() . ') open)');
  }

  private static function undecided(): string {
    return 'FROM civicrm_share_pair p
      INNER JOIN civicrm_contact one ON one.id = p.contact_id1 AND one.is_deleted = 0
      INNER JOIN civicrm_contact other ON other.id = p.contact_id2 AND other.is_deleted = 0
      LEFT JOIN civicrm_dedupe_exception no ON no.contact_id1 = p.contact_id1 AND no.contact_id2 = p.contact_id2
      WHERE no.id IS NULL';
  }

}

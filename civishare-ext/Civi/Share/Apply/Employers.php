<?php
declare(strict_types = 1);

namespace Civi\Share\Apply;

use Civi\Share\Db;
use Civi\Share\Type\ChangeType;

/**
 * Who is whose employer: CiviCRM has it three times, as a column of the contact, as the name beside it and as a relationship, and a save of
 * any of them changes the others.
 *
 * Where a person has saved it, all that came of that is told. Were it worked out once more for each part of it that arrives, a part that
 * arrives late would undo what was told later: so each is written alone, and only the name follows from the column.
 */
final class Employers {

  /**
   * @var array<int, int>
   */
  private static array $contacts = [];

  public static function begin(): void {
    self::$contacts = [];
  }

  /**
   * An employer or the name of one was written to this contact.
   */
  public static function later(int $contact): void {
    self::$contacts[$contact] = $contact;
  }

  /**
   * Writes the column alone.
   */
  public static function set(int $contact, ?int $employer): void {
    Db::run('UPDATE civicrm_contact SET employer_id = ' . ($employer ?? 'NULL') . " WHERE id = $contact");
    self::later($contact);
  }

  /**
   * Runs what writes or deletes relationships, and leaves the employers as they are.
   *
   * @param int[] $ids
   *   The relationships.
   *
   * @return mixed
   *   What $work gives.
   */
  public static function kept(ChangeType $type, array $ids, callable $work) {
    if ($type->entity !== 'Relationship' || $ids === []) {
      return $work();
    }
    $before = array_column(Db::rows('SELECT c.id, c.employer_id FROM civicrm_relationship r INNER JOIN civicrm_contact c
      ON c.id IN (r.contact_id_a, r.contact_id_b) WHERE c.employer_id IS NOT NULL AND r.id IN (' . implode(',', $ids) . ')'), 'employer_id', 'id');
    $result = $work();
    if ($before !== []) {
      $now = array_column(Db::rows('SELECT id, employer_id FROM civicrm_contact WHERE id IN (' . implode(',', array_keys($before)) . ')'), 'employer_id', 'id');
      foreach (array_diff_assoc($before, $now) as $contact => $employer) {
        self::set($contact, (int) $employer);
      }
    }
    return $result;
  }

  /**
   * Beside an employer stands its name, as it is here. Inside the batch's transaction.
   */
  public static function compute(): void {
    if (self::$contacts !== []) {
      Db::run('UPDATE civicrm_contact c INNER JOIN civicrm_contact e ON e.id = c.employer_id SET c.organization_name = e.organization_name
        WHERE c.id IN (' . implode(',', self::$contacts) . ')');
    }
    self::$contacts = [];
  }

}

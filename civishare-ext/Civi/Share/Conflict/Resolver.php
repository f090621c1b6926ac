<?php
declare(strict_types = 1);

namespace Civi\Share\Conflict;

use Civi\Share\Apply\Greetings;
use Civi\Share\Apply\Lost;
use Civi\Share\Apply\Transaction;
use Civi\Share\Apply\Writer;
use Civi\Share\Db;
use Civi\Share\Detect\Detector;
use Civi\Share\Detect\Mode;
use Civi\Share\Journal\Journal;
use Civi\Share\Journal\Sieve;
use Civi\Share\Settle\Settler;
use Civi\Share\Type\ChangeType;
use CRM_Share_ExtensionUtil as E;

/**
 * Carries out what a person has decided about a conflict.
 *
 * The decision is an edit of this site that has seen both values: its version exceeds both, and it names theirs as the one that it
 * replaces, so that over there it is no conflict again.
 */
final class Resolver {

  const OURS = 'ours';
  const THEIRS = 'theirs';
  const VALUE = 'value';

  /**
   * So often, if only the database stood in the way.
   */
  private const TRIES = 4;

  /**
   * @param string $how
   *   One of the constants.
   * @param mixed $value
   *   For VALUE: what is to be held, in its form on the wire.
   *
   * @throws \CRM_Core_Exception
   *   With a sentence for a person.
   */
  public static function resolve(int $id, string $how, $value = NULL): void {
    if (!in_array($how, [self::OURS, self::THEIRS, self::VALUE], TRUE)) {
      throw new \CRM_Core_Exception(E::ts('A conflict is resolved with ours, theirs or a value.'));
    }
    Detector::flush();
    $carried = Detector::paused(function () use ($id, $how, $value): array {
      return self::inTransaction($id, $how, $value);
    });
    Settler::publish($carried);
  }

  private static function inTransaction(int $id, string $how, $value): array {
    for ($try = 1;; $try++) {
      $transaction = new Transaction();
      try {
        $carried = self::decide($id, $how, $value);
        $transaction->commit();
        return $carried;
      }
      catch (\Throwable $e) {
        $transaction->rollback();
        if (!Lost::is($e) || $try >= self::TRIES) {
          throw $e instanceof \CRM_Core_Exception ? $e : new \CRM_Core_Exception(E::ts('The conflict could not be resolved: %1', [1 => $e->getMessage()]));
        }
        usleep(random_int(10000, 50000) * $try);
      }
    }
  }

  private static function decide(int $id, string $how, $value): array {
    $conflict = Conflicts::one($id);
    $type = $conflict === NULL ? NULL : Conflicts::type($conflict['entity_type'], $conflict['attribute']);
    if ($type === NULL) {
      throw new \CRM_Core_Exception(E::ts('There is no such conflict any more.'));
    }
    $entity = $conflict['entity_id'];
    Db::rows("SELECT 1 FROM `$type->table` WHERE `$type->key` = $entity FOR UPDATE");
    Sieve::look($type, [$entity]);
    $carried = self::settle(Settler::forLocalEdits(), 'j.cause IS NULL AND j.entity_id = ' . $entity . ' AND j.table_name IN (' . Db::quoteAll(array_keys($type->tables())) . ')');
    $cause = "conflict:$id:" . bin2hex(random_bytes(8));
    Db::run("SET @civishare_cause = '$cause'");
    try {
      if ($how !== self::OURS) {
        self::write($type, $entity, $conflict['attribute'], $how === self::THEIRS ? $conflict['theirs'] : $value);
      }
    }
    finally {
      Db::run('SET @civishare_cause = NULL');
    }
    if (Mode::isLog()) {
      Sieve::know($type, [$entity]);
    }
    // The trigger sees no change where the value stays, and yet the decision is to be told.
    $attribute = $type->attribute($conflict['attribute']);
    Journal::add($attribute->table, $entity, 'U', $cause, $attribute->column);
    $seen = [$entity => [$conflict['attribute'] => $conflict['theirs_version']]];
    $carried += self::settle(Settler::knowing($seen), 'j.cause = ' . Db::quote($cause));
    Db::run("DELETE FROM civicrm_share_conflict WHERE id = $id");
    return $carried;
  }

  private static function write(ChangeType $type, int $entity, string $name, $value): void {
    Greetings::begin();
    $writer = new Writer($type);
    $writer->update($entity, [$name => $value]);
    Greetings::compute();
    if ($writer->reasons() !== []) {
      throw new \CRM_Core_Exception(implode(' ', $writer->reasons()));
    }
  }

  private static function settle(Settler $settler, string $where): array {
    $found = $settler->find($where);
    return $found->isEmpty() ? [] : $settler->within($found);
  }

}

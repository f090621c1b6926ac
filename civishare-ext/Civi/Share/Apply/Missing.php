<?php
declare(strict_types = 1);

namespace Civi\Share\Apply;

use Civi\Share\Db;
use Civi\Share\Job\Send;
use Civi\Share\Native;
use Civi\Share\Peering;
use Civi\Share\Type\Registry;

/**
 * Entities that changes of a peer refer to and that have not come: after a while the peer is asked for them, by the service
 * "records". What it does not give it does not share, and whoever waits for it is told so.
 */
final class Missing {

  /**
   * So long after it was first missed an entity may still come by itself. Milliseconds.
   */
  const GRACE_MS = 60000;

  /**
   * What was given is asked for again, should it not be here by then: it may have been set aside.
   */
  const AGAIN_MS = 86400000;

  /**
   * The longest pause between two attempts to ask a peer that does not answer.
   */
  const PAUSE_MAX_MS = 21600000;

  /**
   * Whatever has not come so many days after it was first missed is waited for no longer, be it that the peer never answers or that
   * what it gives can not be applied here: longer than a peer may be down without anybody looking after it.
   */
  const DAYS = 14;

  /**
   * So many days after it was first missed nobody is told of it any more, and the next change that refers to it asks anew.
   */
  const FORGET_DAYS = 30;

  /**
   * So many UIDs are asked for at once.
   */
  const CHUNK = 200;

  /**
   * Only one job asks at a time. Milliseconds.
   */
  const LEASE_MS = 120000;

  /**
   * For one question. Milliseconds.
   */
  const ASK_MS = 15000;

  /**
   * Is anything missing at all? Mostly not, and then nobody asks.
   */
  private static ?bool $any = NULL;

  /**
   * @param array<string, string|null> $uids
   *   UID => the entity that it has to be, as far as that is known.
   */
  public static function note(int $peering, array $uids): void {
    if ($uids === []) {
      return;
    }
    $now = self::now();
    $rows = [];
    foreach ($uids as $uid => $entity) {
      $rows[] = "($peering, " . Db::quote((string) $uid) . ', ' . Db::quote($entity) . ', ' . ($now + self::GRACE_MS) . ", $now)";
    }
    Db::run('INSERT IGNORE INTO civicrm_share_missing (peering_id, uid, entity_type, next_ms, since_ms) VALUES ' . implode(', ', $rows));
    self::$any = TRUE;
  }

  /**
   * Those of these UIDs that the peer has been asked for and does not share.
   *
   * @param string[] $uids
   *
   * @return string[]
   */
  public static function denied(int $peering, array $uids): array {
    if ($uids === [] || !self::any()) {
      return [];
    }
    return array_column(Db::rows("SELECT uid FROM civicrm_share_missing WHERE peering_id = $peering AND is_denied = 1 AND uid IN (" . Db::quoteAll($uids) . ')'), 'uid');
  }

  /**
   * Those of these UIDs that have been waited for long enough.
   *
   * @param string[] $uids
   *
   * @return string[]
   */
  public static function overdue(int $peering, array $uids): array {
    if ($uids === [] || !self::any()) {
      return [];
    }
    return array_column(Db::rows("SELECT uid FROM civicrm_share_missing WHERE peering_id = $peering AND " . self::tooLong() . ' AND uid IN (' . Db::quoteAll($uids) . ')'), 'uid');
  }

  /**
   * They have come.
   *
   * @param string[] $uids
   */
  public static function forget(array $uids): void {
    if ($uids !== [] && self::any()) {
      Db::again(function () use ($uids): void {
        Db::run('DELETE FROM civicrm_share_missing WHERE uid IN (' . Db::quoteAll($uids) . ')');
      });
    }
  }

  /**
   * A person wants it to be tried again: what was denied is asked for anew, and what has not come is waited for once more.
   */
  public static function reconsider(): void {
    Db::run('UPDATE civicrm_share_missing SET is_denied = 0, attempts = 0, next_ms = 0, since_ms = ' . self::now() . ' WHERE is_denied = 1 OR ' . self::tooLong());
  }

  /**
   * What waited for it has long been set aside, and the peer may share more by now.
   */
  public static function sweep(): void {
    Db::again(function (): void {
      Db::run('DELETE FROM civicrm_share_missing WHERE ' . self::since(self::FORGET_DAYS));
    });
  }

  /**
   * How many references to what it does not share each peering has brought.
   *
   * @return array<int, int>
   *   Peering => number of entities.
   */
  public static function deniedByPeering(): array {
    $rows = Db::rows('SELECT peering_id, COUNT(*) number FROM civicrm_share_missing WHERE is_denied = 1 GROUP BY peering_id');
    return array_map('intval', array_column($rows, 'number', 'peering_id'));
  }

  /**
   * How many entities that changes refer to are waited for no longer, though the peer has not said that it does not share them.
   *
   * @return array<int, int>
   *   Peering => number of entities.
   */
  public static function overdueByPeering(): array {
    $rows = Db::rows('SELECT peering_id, COUNT(*) number FROM civicrm_share_missing WHERE is_denied = 0 AND ' . self::tooLong() . ' GROUP BY peering_id');
    return array_map('intval', array_column($rows, 'number', 'peering_id'));
  }

  /**
   * Another process may have noted something: asked anew for each batch.
   */
  public static function flush(): void {
    self::$any = NULL;
  }

  /**
   * Asks for what is due.
   *
   * @return int
   *   How many changes are new in the inbox.
   */
  public static function ask(float $deadline): int {
    self::flush();
    if (!self::any() || !Native::store()->lease('missing', self::LEASE_MS)) {
      return 0;
    }
    try {
      // A DELETE that joins would lock what batches write.
      self::forget(array_column(Db::rows('SELECT DISTINCT m.uid FROM civicrm_share_missing m INNER JOIN civicrm_share_uid u ON u.uid = m.uid'), 'uid'));
      $stored = 0;
      foreach (self::due() as $peering => $ofEntity) {
        foreach ($ofEntity as $entity => $uids) {
          foreach (array_chunk($uids, self::CHUNK) as $chunk) {
            if (microtime(TRUE) >= $deadline) {
              return $stored;
            }
            $stored += self::one((int) $peering, (string) $entity, $chunk);
          }
        }
      }
      return $stored;
    }
    finally {
      Native::store()->release('missing');
    }
  }

  /**
   * @param string[] $uids
   */
  private static function one(int $id, string $entity, array $uids): int {
    $peering = Peering::enabled()[$id] ?? NULL;
    $type = Registry::ofEntity($entity);
    if ($peering === NULL || $type === NULL || !array_key_exists($type->name, $peering->typesIn)) {
      // What this site does not let in need not be asked for.
      self::deny($id, $uids);
      return 0;
    }
    if ($peering->url === '') {
      self::later($id, $uids);
      return 0;
    }
    $stored = 0;
    try {
      do {
        $answer = Native::store()->fetch($peering->forSend(), $type->name, $uids, ['deadline' => self::ASK_MS] + Send::options());
        $stored += $answer['stored'];
        $given = array_values(array_intersect($uids, $answer['given']));
        self::come($id, $given);
        $uids = array_values(array_diff($uids, $given));
      } while ($answer['more'] && $given !== [] && $uids !== []);
      self::deny($id, $uids);
    }
    catch (\CiviShare\Exception $e) {
      \Civi::log()->info('CiviShare: ' . $peering->label . ' could not be asked for what its changes refer to: ' . $e->getMessage());
      self::later($id, $uids);
    }
    return $stored;
  }

  /**
   * @return array<int, array<string, string[]>>
   *   Peering => entity => UIDs.
   */
  private static function due(): array {
    $due = [];
    foreach (Db::rows('SELECT peering_id, uid, entity_type FROM civicrm_share_missing WHERE is_denied = 0 AND next_ms <= ' . self::now() . ' ORDER BY next_ms LIMIT 1000') as $row) {
      $due[(int) $row['peering_id']][(string) $row['entity_type']][] = $row['uid'];
    }
    return $due;
  }

  /**
   * @param string[] $uids
   */
  private static function come(int $peering, array $uids): void {
    self::set($peering, $uids, 'attempts = 0, next_ms = ' . (self::now() + self::AGAIN_MS));
  }

  /**
   * @param string[] $uids
   */
  private static function later(int $peering, array $uids): void {
    self::set($peering, $uids, 'next_ms = ' . self::now() . ' + LEAST(' . self::PAUSE_MAX_MS . ', ' . self::GRACE_MS . ' * POW(2, LEAST(attempts, 12))), attempts = attempts + 1');
  }

  /**
   * @param string[] $uids
   */
  private static function deny(int $peering, array $uids): void {
    self::set($peering, $uids, 'is_denied = 1');
  }

  /**
   * @param string[] $uids
   */
  private static function set(int $peering, array $uids, string $what): void {
    if ($uids !== []) {
      Db::again(function () use ($peering, $uids, $what): void {
        Db::run("UPDATE civicrm_share_missing SET $what WHERE peering_id = $peering AND uid IN (" . Db::quoteAll($uids) . ')');
      });
    }
  }

  private static function tooLong(): string {
    return self::since(self::DAYS);
  }

  private static function since(int $days): string {
    return 'since_ms < ' . (self::now() - $days * 86400000);
  }

  private static function any(): bool {
    return self::$any ??= Db::value('SELECT 1 FROM civicrm_share_missing LIMIT 1') === '1';
  }

  private static function now(): int {
    return (int) (microtime(TRUE) * 1000);
  }

}

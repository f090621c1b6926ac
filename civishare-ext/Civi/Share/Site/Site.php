<?php
declare(strict_types = 1);

namespace Civi\Share\Site;

use Civi\Share\Db;
use Civi\Share\Instance;
use Civi\Share\LocalNode;
use Civi\Share\Native;
use Civi\Share\Peering;
use Civi\Share\Resync\Resync;
use Civi\Share\Settle\States;
use CiviShare\Core;
use CRM_Share_ExtensionUtil as E;

/**
 * Is this still the site that it was? The jobs ask before they send or apply anything.
 *
 * - A copy, or a site that has moved: held until a person has said which (Place).
 * - A database that was restored, a store that was deleted or exchanged: the store counts as lost. The database gets a new UUID, all peerings
 *   get new epochs, and everything is pushed to the peers and asked of them.
 * - A clock that ran ahead and was mended: versions from the future are minted anew, and the same follows.
 */
final class Site {

  const MOVED = 'moved';
  const SAME = 'same';
  const COPY = 'copy';

  /**
   * A clock that goes back by so many milliseconds was wrong before.
   */
  const CLOCK_MS = 3600000;

  private const BATCH = 500;

  /**
   * May anything be sent or applied? Mends what can be mended without a person.
   */
  public static function ready(): bool {
    if (!Place::check()) {
      return FALSE;
    }
    self::checkClock();
    self::checkStore();
    return TRUE;
  }

  /**
   * Do database and store belong together? Enough to ask between two jobs, which look at the whole.
   */
  public static function fits(): bool {
    return Native::store()->fit(self::marks())['fit'] !== 'apart';
  }

  /**
   * What the jobs say while the site is held.
   */
  public static function heldSentence(): string {
    return E::ts('This site is not where it was: it may be a copy. Nothing is sent or applied until somebody says what it is; System Status leads to the screen.');
  }

  /**
   * A person says what the site is.
   *
   * @param string $what
   *   MOVED: the one that it was, and nowhere else any more. SAME: the one that it was, under another address besides. COPY: another one, which
   *   has nothing to do with the peers of the original.
   *
   * @throws \CRM_Core_Exception
   */
  public static function declare(string $what): void {
    switch ($what) {
      case self::MOVED:
        Place::accept([Place::found()]);
        break;

      case self::SAME:
        Place::accept(array_merge(array_slice(Place::known(), -9), [Place::found()]));
        break;

      case self::COPY:
        self::becomeAnother();
        break;

      default:
        throw new \CRM_Core_Exception(E::ts('A site is moved, the same, or a copy.'));
    }
  }

  /**
   * The store counts as lost, whatever is in it.
   *
   * The database is written first: if the process ends before the store has followed, the two do not fit, and it is done again.
   */
  public static function beginAnew(string $reason): void {
    \Civi::log()->warning('CiviShare: the store begins anew, and everything is resynchronised: ' . $reason);
    Instance::note('instance', Core::newUid());
    Instance::note('store', NULL);
    Instance::note('anew', json_encode(['time' => time(), 'reason' => $reason]));
    Resync::requestAll();
    Instance::note('store', Native::store()->beginAnew(self::marks()));
    Instance::note('node', LocalNode::identifier());
  }

  private static function checkStore(): void {
    $node = Instance::fact('node');
    if ($node !== NULL && $node !== LocalNode::identifier()) {
      self::beginAnew('other_node');
      return;
    }
    $fit = Native::store()->fit(self::marks());
    if ($fit['reason'] === 'restored') {
      // Another process may have moved the marks on between reading and comparing.
      $fit = Native::store()->fit(self::marks());
    }
    if ($fit['fit'] === 'apart') {
      self::beginAnew((string) $fit['reason']);
    }
    elseif ($fit['fit'] === 'first') {
      // Either nothing was shared so far, and then there is little to tell; or the backup is older than the first store, which is lost
      // as well: nothing here knows any more what the peers have sent since.
      Resync::requestAll();
      Instance::note('store', $fit['store']);
      Instance::note('node', LocalNode::identifier());
    }
  }

  /**
   * What the database says of itself.
   */
  private static function marks(): array {
    return [
      'instance' => Instance::id(),
      'store' => (string) Instance::fact('store'),
      'journal' => self::journalNumber(),
      'applied' => (int) Instance::fact('applied'),
    ];
  }

  /**
   * The number that the journal has come to. Asked by taking one, as servers keep what they say about it for a while. One that counts anew
   * after each restart (MySQL before 8, MariaDB before 10.2.4) can not be asked at all.
   */
  private static function journalNumber(): int {
    $version = (string) Db::value('SELECT VERSION()');
    if (version_compare($version, strpos($version, 'MariaDB') !== FALSE ? '10.2.4' : '8.0.0', '<')) {
      return 0;
    }
    Db::run("INSERT INTO civicrm_share_journal (table_name, entity_id, operation, time_ms, payload) VALUES ('', 0, 'P', 0, '[]')");
    $number = (int) Db::value('SELECT LAST_INSERT_ID()');
    Db::run("DELETE FROM civicrm_share_journal WHERE id = $number");
    return $number;
  }

  private static function checkClock(): void {
    $now = (int) (microtime(TRUE) * 1000);
    $seen = (int) Instance::fact('clock');
    if ($now < $seen - self::CLOCK_MS) {
      self::mendClock($now);
      self::beginAnew('clock');
    }
    if ($now > $seen || $now < $seen - self::CLOCK_MS) {
      Instance::note('clock', (string) $now);
    }
  }

  /**
   * Nothing that tells of the wrong time may go out: what is recorded and not sent is pushed anew with the rest.
   */
  private static function mendClock(int $now): void {
    Db::run("UPDATE civicrm_share_journal SET time_ms = $now WHERE payload IS NULL AND time_ms > " . ($now + self::CLOCK_MS));
    Db::run('DELETE FROM civicrm_share_journal WHERE payload IS NOT NULL');
    $after = 0;
    do {
      $ids = array_map('intval', array_column(Db::rows("SELECT id FROM civicrm_share_entity WHERE id > $after ORDER BY id LIMIT " . self::BATCH), 'id'));
      $after = (int) end($ids);
      Db::transaction(
        function () use ($ids): array {
          return $ids;
        },
        function (array $ids) use ($now): void {
          self::mendStates($ids, $now);
        }
      );
    } while ($ids !== []);
  }

  private static function mendStates(array $ids, int $now): void {
    $save = [];
    foreach (States::lock($ids) as $state) {
      $mended = Core::mend($state['state'], $now, LocalNode::identifier());
      if ($mended !== NULL) {
        $save[] = ['state' => $mended, 'uids' => NULL] + $state;
      }
    }
    States::save($save);
  }

  /**
   * A copy keeps its data, and neither the peerings of the original nor their secrets, nor its name.
   */
  private static function becomeAnother(): void {
    if (LocalNode::identifier() !== NULL) {
      self::beginAnew('copy');
    }
    foreach (Db::rows('SELECT id FROM civicrm_share_node_peering') as $row) {
      \CRM_Share_BAO_ShareNodePeering::del((int) $row['id']);
    }
    Db::run('UPDATE civicrm_share_node SET is_enabled = 0 WHERE is_local = 1');
    Instance::note('node', NULL);
    LocalNode::flush();
    Peering::flush();
    Native::reset();
    Place::accept([Place::found()]);
  }

}

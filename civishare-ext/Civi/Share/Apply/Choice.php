<?php
declare(strict_types = 1);

namespace Civi\Share\Apply;

use Civi\Share\Db;
use Civi\Share\Native;
use Civi\Share\Peering;
use Civi\Share\Type\ChangeType;
use Civi\Share\Type\Registry;
use CiviShare\Core;
use CRM_Share_ExtensionUtil as E;

/**
 * What a person has decided about a contact that the matching rule could not tell: which contact of this site it is, or a new one.
 *
 * The decision waits under the contact's UID until its change, which was set aside, is applied again.
 */
final class Choice {

  /**
   * One that was never used, because its change was discarded, is forgotten. Days.
   */
  const DAYS = 30;

  /**
   * Has anything been decided at all? Mostly not, and then nobody asks.
   */
  private static ?bool $any = NULL;

  /**
   * @param int|null $id
   *   The contact here; NULL for a new one.
   */
  private function __construct(private readonly string $uid, public readonly ?int $id) {
  }

  /**
   * @param string[] $uids
   *
   * @return self|null
   *   NULL if nothing was decided, or the contact is gone meanwhile.
   */
  public static function of(ChangeType $type, array $uids): ?self {
    if ($type->entity !== 'Contact' || !self::any()) {
      return NULL;
    }
    $row = Db::rows('SELECT uid, contact_id FROM civicrm_share_choice WHERE uid IN (' . Db::quoteAll($uids) . ') ORDER BY id DESC LIMIT 1')[0] ?? NULL;
    if ($row === NULL) {
      return NULL;
    }
    $choice = new self($row['uid'], $row['contact_id'] === NULL ? NULL : (int) $row['contact_id']);
    return $choice->id === NULL || self::isThere($choice->id) ? $choice : NULL;
  }

  public function forget(): void {
    Db::run('DELETE FROM civicrm_share_choice WHERE uid = ' . Db::quote($this->uid));
  }

  /**
   * Can a person say of a dead letter which contact it is about?
   *
   * @param array $letter
   *   As \CiviShare\Store::deadLetters() gives it.
   */
  public static function isFor(array $letter): bool {
    return $letter['direction'] === 'in' && self::change($letter) !== NULL;
  }

  /**
   * The contacts that fit the matching rule now.
   *
   * @return int[]
   */
  public static function candidates(array $letter): array {
    $change = self::change($letter);
    $type = $change === NULL ? NULL : Registry::type($change['type']);
    $peering = Peering::byId((int) $letter['peering']);
    return $type === NULL || $peering === NULL ? [] : Matcher::candidates($type, $peering, Matcher::known($change));
  }

  /**
   * Notes the decision, and lets the change be tried again.
   *
   * @param array $letter
   * @param int|null $contact
   *   NULL for a new one.
   *
   * @throws \CRM_Core_Exception
   *   With a sentence for a person.
   */
  public static function make(array $letter, ?int $contact): void {
    $change = self::change($letter);
    if ($change === NULL) {
      throw new \CRM_Core_Exception(E::ts('Only a new contact from a peer can be linked with one of this site.'));
    }
    if ($contact !== NULL && !self::isThere($contact)) {
      throw new \CRM_Core_Exception(E::ts('This site has no contact %1, or it is in the trash.', [1 => $contact]));
    }
    Db::run('REPLACE INTO civicrm_share_choice (uid, contact_id) VALUES (' . Db::quote($change['entity_uid']) . ', ' . ($contact ?? 'NULL') . ')');
    Native::store()->retryDead((int) $letter['id']);
  }

  public static function sweep(): void {
    Db::run('DELETE FROM civicrm_share_choice WHERE created_date < DATE_SUB(NOW(), INTERVAL ' . self::DAYS . ' DAY)');
  }

  /**
   * A person may have decided meanwhile: asked anew for each batch.
   */
  public static function flush(): void {
    self::$any = NULL;
  }

  private static function any(): bool {
    return self::$any ??= Db::value('SELECT 1 FROM civicrm_share_choice LIMIT 1') === '1';
  }

  private static function isThere(int $contact): bool {
    return Db::value("SELECT 1 FROM civicrm_contact WHERE id = $contact AND is_deleted = 0") === '1';
  }

  /**
   * The change in this site's words, if it is that of a new contact.
   */
  private static function change(array $letter): ?array {
    $change = json_decode((string) $letter['text'], TRUE);
    if (($change['operation'] ?? NULL) !== 'create' || ($change['entity'] ?? NULL) !== 'Contact') {
      return NULL;
    }
    $words = Peering::byId((int) $letter['peering'])?->wordsIn((string) $change['type']);
    return $words === NULL ? $change : json_decode(Core::take($letter['text'], $words), TRUE);
  }

}

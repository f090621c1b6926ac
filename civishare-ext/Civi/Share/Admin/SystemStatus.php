<?php
declare(strict_types = 1);

namespace Civi\Share\Admin;

use Civi\Share\Apply\Missing;
use Civi\Share\Apply\Pairs;
use Civi\Share\Conflict\Conflicts;
use Civi\Share\Detect\Mode;
use Civi\Share\Filter\Check;
use Civi\Share\Instance;
use Civi\Share\Journal\Log;
use Civi\Share\Journal\Triggers;
use Civi\Share\LocalNode;
use Civi\Share\Native;
use Civi\Share\Peering;
use Civi\Share\Secrets;
use Civi\Share\Site\Place;
use Civi\Share\StorePath;
use Civi\Share\Trouble;
use Civi\Share\Type\Active;
use Civi\Share\Type\Files;
use Civi\Share\Type\Registry;
use CRM_Share_ExtensionUtil as E;
use Psr\Log\LogLevel;

/**
 * What CiviShare has to say on the System Status page: everything that keeps changes from going out or coming in.
 */
final class SystemStatus {

  /**
   * A peer that fails for so long is worth a warning, and for so long an error.
   */
  const WARN_AFTER_SECONDS = 86400;
  const ERROR_AFTER_SECONDS = 7 * 86400;

  /**
   * The jobs run every few minutes; what is older has been left lying.
   */
  const JOURNAL_AFTER_SECONDS = 3600;

  const ANEW_SECONDS = 7 * 86400;

  /**
   * So many files are looked at, the latest ones.
   */
  const FILES = 10000;

  const CHECKS = ['native', 'localNode', 'place', 'anew', 'store', 'peers', 'triggers', 'log', 'journal', 'secrets', 'conflicts', 'pairs', 'letters', 'missing', 'environment', 'troubles', 'types', 'files'];

  /**
   * @param \CRM_Utils_Check_Message[] $messages
   */
  public static function check(array &$messages): void {
    foreach (self::CHECKS as $check) {
      try {
        foreach (self::$check() as $message) {
          $messages[] = $message;
        }
      }
      catch (\Throwable $e) {
        // One check that can not be made must not take the page, and the others' answers, with it.
        $messages[] = self::message($check, LogLevel::ERROR, E::ts('CiviShare: a check failed'), $e->getMessage());
      }
    }
  }

  private static function native(): array {
    if (Native::available()) {
      return [];
    }
    $how = E::ts('Install libcivishare.so from the CiviShare release that fits your PHP (version %1), put the line extension=civishare into a file in PHP\'s conf.d folder, for the web server and for the command line, and restart PHP. Until then nothing is shared; saves work as always, and what they change is noted and sent later.', [1 => PHP_MAJOR_VERSION . '.' . PHP_MINOR_VERSION]);
    if (Native::version() === NULL) {
      return [self::message('native', LogLevel::CRITICAL, E::ts('CiviShare: the native module is missing'), $how)];
    }
    $versions = E::ts('The loaded module is version %1, the extension needs %2.', [1 => Native::version(), 2 => Native::VERSION]);
    return [self::message('native', LogLevel::CRITICAL, E::ts('CiviShare: the native module is of another version'), $versions . ' ' . $how)];
  }

  private static function localNode(): array {
    if (LocalNode::identifier() !== NULL) {
      return [];
    }
    return [
      self::message('local_node', LogLevel::WARNING, E::ts('CiviShare: this site has no name yet'),
        E::ts('Nothing is shared until a local node is created and enabled.'),
        'civicrm/admin/share/nodes', E::ts('Nodes')),
    ];
  }

  private static function place(): array {
    $held = Place::held();
    if ($held === NULL) {
      return [];
    }
    return [
      self::message('place', LogLevel::CRITICAL, E::ts('CiviShare: what is this site?'),
        E::ts('Since %1 this site is not where it was (it is now %2): it has moved, or it is a copy. Nothing is sent or applied until somebody says which.', [1 => PeeringHealth::time(1000 * (int) $held['time']), 2 => (string) $held['url']]),
        'civicrm/admin/share/site', E::ts('Say what it is')),
    ];
  }

  /**
   * A week long: a person may wonder where all the changes come from.
   */
  private static function anew(): array {
    $anew = (array) json_decode((string) Instance::fact('anew'), TRUE);
    if (time() - (int) ($anew['time'] ?? 0) > self::ANEW_SECONDS) {
      return [];
    }
    $reasons = [
      'restored' => E::ts('the database was restored from a backup'),
      'other_store' => E::ts('the file of the store was deleted or exchanged'),
      'other_database' => E::ts('the file of the store belongs to another database'),
      'other_node' => E::ts('the identifier of this site was changed'),
      'clock' => E::ts('the clock of the server had run ahead and was mended'),
      'copy' => E::ts('this site is a copy'),
    ];
    $text = E::ts('Reason: %1. The peers are told everything once more and asked for the same; nothing needs to be done.', [1 => $reasons[$anew['reason']] ?? $anew['reason']]);
    return [
      self::message('anew', LogLevel::NOTICE, E::ts('CiviShare: everything was resynchronised on %1', [1 => PeeringHealth::time(1000 * (int) $anew['time'])]), $text,
        'civicrm/admin/share/peerings', E::ts('Peerings')),
    ];
  }

  /**
   * Asks the store itself, and looks at the folder where it has not been made yet.
   */
  private static function store(): array {
    if (!Native::available() || LocalNode::identifier() === NULL) {
      return [];
    }
    $path = StorePath::get();
    $folder = dirname($path);
    if (!is_dir($folder) || !is_writable($folder) || (file_exists($path) && !is_writable($path))) {
      return [self::storeMessage(E::ts('The web server may not write to %1.', [1 => file_exists($path) ? $path : $folder]))];
    }
    $error = (new PeeringHealth())->error();
    return $error === NULL ? [] : [self::storeMessage($error)];
  }

  private static function storeMessage(string $text): \CRM_Utils_Check_Message {
    return self::message('store', LogLevel::CRITICAL, E::ts('CiviShare: the store can not be used'), $text,
      'civicrm/admin/share/settings', E::ts('CiviShare settings'));
  }

  private static function peers(): array {
    $health = new PeeringHealth();
    $messages = [];
    foreach (Peering::enabled() as $peering) {
      $level = self::peerLevel($health->of($peering->id));
      if ($level !== NULL) {
        $messages[] = self::peerMessage($peering, $level, $health->of($peering->id));
      }
    }
    return $messages;
  }

  /**
   * How bad it is; NULL if there is nothing to say. One that was stopped does not come back by itself.
   */
  private static function peerLevel(array $health): ?string {
    $since = intdiv((int) ($health['failing_since'] ?? 0), 1000);
    $seconds = $since ? time() - $since : 0;
    if (!empty($health['stopped']) || $seconds > self::ERROR_AFTER_SECONDS) {
      return LogLevel::CRITICAL;
    }
    return $seconds > self::WARN_AFTER_SECONDS ? LogLevel::WARNING : NULL;
  }

  private static function peerMessage(Peering $peering, string $level, array $health): \CRM_Utils_Check_Message {
    $facts = [
      1 => $peering->label,
      2 => $peering->remote,
      3 => (int) ($health['backlog'] ?? 0),
      4 => (string) ($health['last_error'] ?? ''),
      5 => PeeringHealth::time($health['failing_since'] ?? NULL),
    ];
    $text = empty($health['stopped'])
      ? E::ts('Nothing has reached %1 (%2) since %5. Changes that wait: %3. The last error: %4', $facts)
      : E::ts('Sending to %1 (%2) was stopped. Changes that wait: %3. The reason: %4', $facts);
    return self::message('peer_' . $peering->id, $level, E::ts('CiviShare: %1 gets no changes', [1 => $peering->label]), $text,
      'civicrm/admin/share/peerings', E::ts('Peerings'));
  }

  private static function triggers(): array {
    $missing = Triggers::missing();
    if ($missing === []) {
      return [];
    }
    $text = E::ts('Edits to these tables go unnoticed if a process dies or something writes past CiviCRM: %1. Let CiviCRM rebuild its triggers (Administer > System Settings > Cleanup Caches and Update Paths); the database user needs the TRIGGER privilege.', [1 => implode(', ', $missing)]);
    return [self::message('triggers', LogLevel::ERROR, E::ts('CiviShare: triggers are missing'), $text)];
  }

  /**
   * Attributes that this CiviCRM does not have, and types that are let out without what they belong to.
   */
  private static function types(): array {
    $lacking = $alone = [];
    foreach (Registry::active() as $name => $type) {
      if ($type->missing !== []) {
        $lacking[] = $name . ': ' . implode(', ', $type->missing);
      }
    }
    foreach (Peering::enabled() as $peering) {
      foreach (array_intersect_key(Registry::active(), $peering->typesOut) as $name => $type) {
        foreach ($type->references() as $attribute) {
          $needed = $attribute->required && $attribute->refers !== NULL ? Registry::ofEntity($attribute->refers) : $type;
          if ($needed === NULL || !array_key_exists($needed->name, $peering->typesOut)) {
            $alone[] = "$peering->label: $name ($attribute->refers)";
          }
        }
      }
    }
    $messages = self::filters();
    if (Active::lacking() !== []) {
      $text = E::ts('A peering names them, but the component or extension that they belong to is switched off here, or this CiviCRM is too old for them. Until it is there, they are not shared; all others are: %1', [1 => implode(', ', Active::lacking())]);
      $messages[] = self::message('types_lacking', LogLevel::NOTICE, E::ts('CiviShare: change types can not be used on this site'), $text);
    }
    if ($lacking !== []) {
      $text = E::ts('This version of CiviCRM does not have these attributes, so they are not shared; the rest of each type is. %1', [1 => implode('; ', $lacking)]);
      $messages[] = self::message('types', LogLevel::INFO, E::ts('CiviShare: some attributes are not shared'), $text);
    }
    if ($alone !== []) {
      $text = E::ts('These types go out without the entity that they can not be without, so they are told only of what the peer has already. Let that one out too: %1', [1 => implode('; ', array_unique($alone))]);
      $messages[] = self::message('types_alone', LogLevel::WARNING, E::ts('CiviShare: a type goes out without what it belongs to'), $text);
    }
    return $messages;
  }

  /**
   * Filters that name what is gone: they let nobody out by it.
   */
  private static function filters(): array {
    $gone = [];
    foreach (Peering::enabled() as $peering) {
      foreach ($peering->filters as $name => $filter) {
        foreach (Check::unknown($filter) as [$sentence, $names]) {
          if ($names !== []) {
            $gone[] = "$peering->label, $name: " . sprintf($sentence, implode(', ', $names));
          }
        }
      }
    }
    return $gone === [] ? [] : [self::message('filters', LogLevel::WARNING, E::ts('CiviShare: a filter names what is gone'), implode(' ', $gone), 'civicrm/admin/share/peerings', E::ts('Peerings'))];
  }

  private static function files(): array {
    $names = Registry::ofEntity('File') === NULL ? [] : Files::withoutContent(self::FILES);
    if ($names === []) {
      return [];
    }
    $text = E::ts('They are larger than %1 kB, or not in CiviCRM\'s folder of files, so only their names are shared: %2', [1 => Files::limit() / 1000, 2 => implode(', ', array_slice($names, 0, 10))]);
    return [
      self::message('files', LogLevel::NOTICE, E::ts('CiviShare: %1 files are shared without content', [1 => count($names)]), $text,
        'civicrm/admin/share/settings', E::ts('CiviShare settings')),
    ];
  }

  private static function journal(): array {
    $oldest = \CRM_Core_DAO::singleValueQuery('SELECT time_ms FROM civicrm_share_journal ORDER BY id LIMIT 1');
    if ($oldest === NULL || time() - (int) ($oldest / 1000) < self::JOURNAL_AFTER_SECONDS) {
      return [];
    }
    $text = E::ts('The oldest edit that waits to be shared is from %1. Is the scheduled job "CiviShare: process" running?', [1 => PeeringHealth::time($oldest)]);
    return [self::message('journal', LogLevel::WARNING, E::ts('CiviShare: edits are waiting'), $text, 'civicrm/admin/job', E::ts('Scheduled jobs'))];
  }

  private static function secrets(): array {
    $stored = self::storedSecrets();
    if (array_filter($stored, [Secrets::class, 'isSealed']) !== $stored) {
      $text = E::ts('A secret in the database is not sealed. Enter it again in its peering.');
      return [self::message('secrets', LogLevel::CRITICAL, E::ts('CiviShare: a secret is stored in plain text'), $text, 'civicrm/admin/share/peerings', E::ts('Peerings'))];
    }
    if ($stored === [] || Secrets::usesVault()) {
      return [];
    }
    $text = E::ts('CiviCRM has no credential keys (CIVICRM_CRED_KEYS), so the secrets of peerings are sealed with a key drawn from CIVICRM_SITE_KEY. That is safe as long as nobody has both the database and civicrm.settings.php.');
    return [self::message('secrets', LogLevel::INFO, E::ts('CiviShare: secrets are sealed with the site key'), $text)];
  }

  /**
   * @return string[]
   */
  private static function storedSecrets(): array {
    $stored = [];
    $dao = \CRM_Core_DAO::executeQuery('SELECT secret, secret_new FROM civicrm_share_node_peering');
    while ($dao->fetch()) {
      array_push($stored, (string) $dao->secret, (string) $dao->secret_new);
    }
    return array_filter($stored, 'strlen');
  }

  private static function conflicts(): array {
    $count = Conflicts::count();
    if ($count === 0) {
      return [];
    }
    $text = E::ts('Attributes that both this site and another one have changed: %1. Until somebody decides, this site keeps its values.', [1 => $count]);
    return [self::message('conflicts', LogLevel::WARNING, E::ts('CiviShare: conflicts wait for a decision'), $text, 'civicrm/admin/share/conflicts', E::ts('Conflicts'))];
  }

  /**
   * Contacts that are one for a peer.
   */
  private static function pairs(): array {
    $messages = [];
    foreach (Pairs::open() as $pair) {
      $text = E::ts('For %1 the contacts %2 (%3) and %4 (%5) are one. Look at both: merge them, or mark them as no duplicates. Until then each stays what it is here.', [
        1 => Peering::byId((int) $pair['peering_id'])?->label ?? E::ts('another site'),
        2 => $pair['name1'],
        3 => $pair['contact_id1'],
        4 => $pair['name2'],
        5 => $pair['contact_id2'],
      ]);
      $messages[] = self::message("pair_$pair[contact_id1]_$pair[contact_id2]", LogLevel::NOTICE, E::ts('CiviShare: two contacts may be one'), $text,
        'civicrm/contact/merge', E::ts('Merge'), "reset=1&action=update&cid=$pair[contact_id1]&oid=$pair[contact_id2]");
    }
    $more = count($messages) < Pairs::LIMIT ? 0 : Pairs::count() - count($messages);
    if ($more > 0) {
      $messages[] = self::message('pairs', LogLevel::NOTICE, E::ts('CiviShare: more contacts may be one'), E::ts('%1 more pairs of contacts are one for another site. They are shown once those above are decided.', [1 => $more]));
    }
    return $messages;
  }

  private static function letters(): array {
    $dead = (new PeeringHealth())->dead();
    if ($dead === 0) {
      return [];
    }
    $text = E::ts('Changes that another site has refused, or that could not be applied here: %1. They are not tried again by themselves.', [1 => $dead]);
    return [self::message('letters', LogLevel::WARNING, E::ts('CiviShare: changes were set aside'), $text, 'civicrm/admin/share/letters', E::ts('Changes set aside'))];
  }

  /**
   * Where edits are found in the log, it has to be kept.
   */
  private static function log(): array {
    if (!Mode::wantsLog() && !Mode::isLog()) {
      return [];
    }
    if (!Log::isOn()) {
      $text = E::ts('This site is set to find edits in CiviCRM\'s extended logging, which is off. What is edited is not noticed. Turn logging on, or set CiviShare to triggers.');
      return [self::message('log', LogLevel::ERROR, E::ts('CiviShare: logging is off'), $text, 'civicrm/admin/share/settings', E::ts('Settings'))];
    }
    $lacking = array_unique(array_merge([], ...array_values(array_map([Log::class, 'lacking'], Registry::active()))));
    if ($lacking === []) {
      return [];
    }
    $text = E::ts('CiviCRM does not log these tables, so edits of what they hold are not noticed: %1', [1 => implode(', ', $lacking)]);
    return [self::message('log_tables', LogLevel::WARNING, E::ts('CiviShare: some tables are not logged'), $text)];
  }

  private static function missing(): array {
    $messages = [];
    foreach (Missing::deniedByPeering() as $id => $number) {
      $peering = Peering::byId($id);
      if ($peering !== NULL) {
        $text = E::ts('Changes from %1 refer to %2 entities that it does not share with this site. Such references stay empty here, and what can not be without them was set aside. Have them shared over there, or leave it: should they come, the references follow.', [1 => $peering->label, 2 => $number]);
        $messages[] = self::message('missing_' . $id, LogLevel::NOTICE, E::ts('CiviShare: %1 refers to what it does not share', [1 => $peering->label]), $text);
      }
    }
    foreach (Missing::overdueByPeering() as $id => $number) {
      $peering = Peering::byId($id);
      if ($peering !== NULL) {
        $text = E::ts('Changes from %1 refer to %2 entities that have not come within %3 days. Such references stay empty here, and what can not be without them was set aside. Look whether the peer answers, and what else of it was set aside.', [1 => $peering->label, 2 => $number, 3 => Missing::DAYS]);
        $messages[] = self::message('overdue_' . $id, LogLevel::WARNING, E::ts('CiviShare: what %1 refers to has not come', [1 => $peering->label]), $text, 'civicrm/admin/share/letters', E::ts('Changes set aside'));
      }
    }
    return $messages;
  }

  private static function environment(): array {
    $environment = \CRM_Core_Config::environment();
    if ($environment === 'Production') {
      return [];
    }
    $text = E::ts('CiviCRM runs no scheduled jobs in the environment "%1", so nothing is sent or applied. That is right for a copy of a site; a copy should have CiviShare disabled, or a local node of its own.', [1 => $environment]);
    return [self::message('environment', LogLevel::NOTICE, E::ts('CiviShare: jobs do not run here'), $text)];
  }

  /**
   * What the runtime could not do and told nobody, so that a save could go on.
   */
  private static function troubles(): array {
    $messages = [];
    foreach (Trouble::all() as $where => $trouble) {
      $text = E::ts('%1 (on %2; step: %3). What was missed is caught up once the cause is gone.', [
        1 => (string) ($trouble['message'] ?? ''),
        2 => PeeringHealth::time(1000 * (int) ($trouble['time'] ?? 0)),
        3 => $where,
      ]);
      $messages[] = self::message('trouble_' . $where, LogLevel::ERROR, E::ts('CiviShare: something went wrong'), $text);
    }
    return $messages;
  }

  /**
   * @param string $name
   * @param string $level
   * @param string $title
   * @param string $text
   *   Plain text.
   * @param string|null $path
   *   Page where a person can do something about it.
   * @param string|null $label
   * @param string $query
   */
  private static function message(string $name, string $level, string $title, string $text, ?string $path = NULL, ?string $label = NULL, string $query = 'reset=1'): \CRM_Utils_Check_Message {
    $html = htmlspecialchars($text);
    if ($path !== NULL) {
      $html .= ' <a href="' . htmlspecialchars(\CRM_Utils_System::url($path, $query, FALSE, NULL, FALSE, FALSE, TRUE)) . '">' . htmlspecialchars((string) $label) . '</a>';
    }
    return new \CRM_Utils_Check_Message('civishare_' . $name, $html, htmlspecialchars($title), $level, 'fa-share-alt');
  }

}

<?php
declare(strict_types = 1);

namespace Civi\Share\Job;

use Civi\Share\Filter\Sweep;
use Civi\Share\LocalNode;
use Civi\Share\Native;
use Civi\Share\Peering;
use Civi\Share\Resync\Resync;
use Civi\Share\Rotation;
use Civi\Share\Settle\Settler;
use Civi\Share\Site\Place;
use Civi\Share\Site\Site;
use Civi\Share\Trouble;
use CRM_Share_ExtensionUtil as E;

/**
 * The job "CiviShare: send": hands each peering's backlog to the native module, which delivers to all of them at once.
 */
final class Send {

  /**
   * Milliseconds for all peerings together.
   */
  const JOB_MS = 50000;
  const REQUEST_MS = 20000;

  /**
   * So much of a run goes into resynchronisations; the rest is for what is new.
   */
  const RESYNC_SECONDS = 20;

  /**
   * And so much into looking who has entered a filter or left it.
   */
  const FILTER_SECONDS = 15;

  /**
   * @return string[]
   *   Sentences for the job log.
   */
  public static function run(): array {
    if (LocalNode::identifier() === NULL) {
      return [E::ts('This site has no local node yet, so nothing is shared.')];
    }
    if (!Site::ready()) {
      return [Site::heldSentence()];
    }
    $told = [];
    try {
      // Who is in a filter first: what was edited goes only where it may.
      $told = Sweep::run(microtime(TRUE) + self::FILTER_SECONDS);
      Process::settle();
    }
    catch (\Throwable $e) {
      // What is in the outbox can go out all the same.
      Trouble::note('record', $e);
    }
    $resynced = Resync::run(microtime(TRUE) + self::RESYNC_SECONDS);
    return array_merge($told, $resynced, self::sentences(self::send(Peering::allForSend(), self::JOB_MS)));
  }

  /**
   * The request has recorded something: takes it to the outbox and, once the page has gone out, to the peerings that want their
   * changes at once. Elsewhere both are left to the next job: nobody is to wait for them.
   */
  public static function atEndOfRequest(bool $pageIsOut): void {
    try {
      Settler::publishLeftovers();
      // A site that is no production site runs no jobs, and does not send between them either.
      if ($pageIsOut && Peering::anyImmediate() && \CRM_Core_Config::environment() === 'Production' && Place::held() === NULL && Site::fits()) {
        self::send(self::immediate(), self::REQUEST_MS);
      }
    }
    catch (\Throwable $e) {
      Trouble::note('send', $e);
    }
  }

  /**
   * @return array[]
   */
  private static function immediate(): array {
    return array_values(array_filter(Peering::allForSend(), function (array $peering): bool {
      return Peering::byId($peering['id'])->delivery === 'immediate';
    }));
  }

  /**
   * @return array[]
   */
  private static function send(array $peerings, int $milliseconds): array {
    if ($peerings === []) {
      return [];
    }
    $results = Native::store()->send($peerings, ['deadline' => $milliseconds, 'software' => self::software()] + self::options());
    Trouble::clear('send');
    foreach ($results as $result) {
      if ($result['rotated'] !== NULL) {
        Rotation::ours((int) $result['peering']);
      }
      if ($result['event'] === 'resync') {
        Resync::request((int) $result['peering'], FALSE);
        Native::store()->resynced((int) $result['peering']);
      }
    }
    return $results;
  }

  /**
   * What the administrator allows in addresses, as \CiviShare\Store::send() and hello() take it.
   */
  public static function options(): array {
    return [
      'allow_http' => (bool) \Civi::settings()->get('civishare_allow_http'),
      'allow_private' => (bool) \Civi::settings()->get('civishare_allow_private'),
    ];
  }

  private static function software(): string {
    return 'CiviShare/' . Native::version() . ' CiviCRM/' . \CRM_Utils_System::version();
  }

  /**
   * @return string[]
   */
  private static function sentences(array $results): array {
    if ($results === []) {
      return [E::ts('There is no peering to send to.')];
    }
    return array_map([self::class, 'sentence'], $results);
  }

  private static function sentence(array $result): string {
    $peering = Peering::byId((int) $result['peering']);
    $label = $peering === NULL ? (string) $result['peering'] : $peering->label;
    $sentence = E::ts('%1: %2 changes sent, %3 wait.', [1 => $label, 2 => $result['changes'], 3 => $result['backlog']]);
    if (!empty($result['rejected'])) {
      $sentence .= ' ' . E::ts('%1 were not taken over there; see the dead letters.', [1 => $result['rejected']]);
    }
    return empty($result['error']) ? $sentence : $sentence . ' ' . $result['error'];
  }

}

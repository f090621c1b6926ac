<?php
declare(strict_types = 1);

namespace Civi\Share\Resync;

use Civi\Share\Db;
use Civi\Share\Instance;
use Civi\Share\Job\Send;
use Civi\Share\Native;
use Civi\Share\Peering;
use CRM_Share_ExtensionUtil as E;

/**
 * Resynchronisations: who is to be told everything once more, who is to be asked for the same, and how far that is.
 *
 * What is under way stands in the database, so that it survives the job: a batch is pushed, then the progress is written. A process that dies
 * in between pushes the batch again, as the same changes.
 */
final class Resync {

  const PREFIX = 'resync:';

  /**
   * Only one job pushes at a time. Milliseconds after which another takes over from one that died.
   */
  const LEASE_MS = 300000;

  /**
   * Milliseconds for asking one peer.
   */
  const HELLO_MS = 10000;

  /**
   * Begins, or begins anew: what was pushed so far may have been lost over there.
   *
   * @param bool $ask
   *   Is the other side to push everything as well?
   */
  public static function request(int $peering, bool $ask): void {
    $old = self::plan($peering);
    if ($old !== NULL && $old['after'] === 0 && ($old['ask'] || !$ask)) {
      return;
    }
    $plan = [
      'run' => self::uuid(),
      'after' => 0,
      'done' => 0,
      'total' => (int) Db::value('SELECT COUNT(*) FROM civicrm_share_entity'),
      'pushed' => FALSE,
      'ask' => $ask || !empty($old['ask']),
      'since' => time(),
    ];
    Instance::note(self::PREFIX . $peering, json_encode($plan));
  }

  public static function requestAll(): void {
    foreach (array_keys(Peering::enabled()) as $peering) {
      self::request($peering, TRUE);
    }
  }

  public static function cancel(int $peering): void {
    Instance::note(self::PREFIX . $peering, NULL);
  }

  /**
   * How far the resynchronisation of a peering is, a sentence for a person; '' if none is under way.
   */
  public static function sentence(int $peering): string {
    $plan = self::plan($peering);
    if ($plan === NULL) {
      return '';
    }
    $sentence = $plan['pushed']
      ? E::ts('Everything of this site is on its way (%1).', [1 => $plan['done']])
      : E::ts('Resynchronising: %1 of %2.', [1 => $plan['done'], 2 => max($plan['done'], $plan['total'])]);
    return $plan['ask'] ? $sentence . ' ' . E::ts('The other site is still to be asked for the same.') : $sentence;
  }

  /**
   * Works on what is under way, until the deadline.
   *
   * @return string[]
   *   Sentences for the job log.
   */
  public static function run(float $deadline): array {
    $rows = Db::rows("SELECT name, value FROM civicrm_share_instance WHERE name LIKE '" . self::PREFIX . "%'");
    if ($rows === [] || !Native::store()->lease('resync', self::LEASE_MS)) {
      return [];
    }
    $sentences = [];
    try {
      foreach ($rows as $row) {
        $sentences[] = self::one((int) substr($row['name'], strlen(self::PREFIX)), $row['value'], $deadline);
      }
    }
    finally {
      Native::store()->release('resync');
    }
    return array_filter($sentences, 'strlen');
  }

  private static function one(int $id, string $text, float $deadline): string {
    $peering = Peering::enabled()[$id] ?? NULL;
    if ($peering === NULL) {
      self::cancel($id);
      return '';
    }
    $plan = json_decode($text, TRUE);
    if ($plan['ask'] && self::ask($peering)) {
      $text = self::keep($id, $text, ['ask' => FALSE] + $plan);
      $plan['ask'] = FALSE;
    }
    $push = new Push($peering, $plan['run']);
    while ($text !== NULL && !$plan['pushed'] && microtime(TRUE) < $deadline) {
      [$after, $number] = $push->batch((int) $plan['after']);
      $plan = ['after' => $after ?? $plan['after'], 'done' => $plan['done'] + $number, 'pushed' => $after === NULL] + $plan;
      $text = self::keep($id, $text, $plan);
    }
    if ($text !== NULL && $plan['pushed'] && !$plan['ask']) {
      Db::run('DELETE FROM civicrm_share_instance WHERE name = ' . Db::quote(self::PREFIX . $id) . ' AND value = ' . Db::quote($text));
    }
    return $peering->label . ': ' . (self::sentence($id) ?: E::ts('resynchronised, %1 records.', [1 => $plan['done']]));
  }

  /**
   * Writes the progress, unless somebody has begun the whole anew meanwhile.
   *
   * @return string|null
   *   What is written; NULL if there is another plan now.
   */
  private static function keep(int $peering, string $old, array $plan): ?string {
    $new = json_encode($plan);
    $written = Db::run('UPDATE civicrm_share_instance SET value = ' . Db::quote($new) . ' WHERE name = ' . Db::quote(self::PREFIX . $peering) .
      ' AND value = ' . Db::quote($old));
    return $written > 0 || $new === $old ? $new : NULL;
  }

  private static function ask(Peering $peering): bool {
    if ($peering->url === '' || $peering->simple) {
      // A peer without an address sends by itself or not at all, and one that speaks in the simple shape knows no hello.
      return TRUE;
    }
    try {
      Native::store()->hello($peering->forSend(), TRUE, ['deadline' => self::HELLO_MS] + Send::options());
      return TRUE;
    }
    catch (\CiviShare\Exception $e) {
      \Civi::log()->info('CiviShare: ' . $peering->label . ' could not be asked for a resynchronisation: ' . $e->getMessage());
      return FALSE;
    }
  }

  private static function plan(int $peering): ?array {
    $text = Instance::fact(self::PREFIX . $peering);
    return $text === NULL ? NULL : (array) json_decode($text, TRUE);
  }

  private static function uuid(): string {
    return \CiviShare\Core::newUid();
  }

}

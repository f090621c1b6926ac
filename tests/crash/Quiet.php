<?php
declare(strict_types = 1);

namespace CiviShare\Crash;

use CiviShare\E2e\Site;

/**
 * Lets the jobs of both sites run until nobody has anything left to do.
 */
final class Quiet {

  /**
   * A row of the journal whose connection was given to another process counts as left behind after a minute.
   */
  const SECONDS = 100;

  /**
   * @param Site[] $sites
   *
   * @return array
   *   [rounds, seconds, what is left over: empty if all is quiet]
   */
  public static function come(array $sites, float $seconds = self::SECONDS): array {
    $begun = microtime(TRUE);
    for ($rounds = 1;; $rounds++) {
      foreach ($sites as $site) {
        // A peer that was down when it was last tried is not left to its schedule: an administrator presses "Try again".
        $site->request('
          $ids = civicrm_api4("ShareNodePeering", "get", ["checkPermissions" => FALSE, "select" => ["id"]])->column("id");
          civicrm_api4("ShareNodePeering", "resume", ["checkPermissions" => FALSE, "where" => [["id", "IN", $ids]]]);
          civicrm_api3("Job", "civishare_process", []);
          civicrm_api3("Job", "civishare_send", []);');
      }
      $left = self::left($sites);
      $took = microtime(TRUE) - $begun;
      if ($left === [] || $took > $seconds) {
        return [$rounds, $took, $left];
      }
      if ($rounds > 3) {
        sleep(1);
      }
    }
  }

  /**
   * @return string[]
   */
  public static function left(array $sites): array {
    $left = [];
    foreach ($sites as $site) {
      $store = $site->store();
      $numbers = [
        'journal rows' => $site->journal(),
        'changes in the inbox' => $store['inbox'],
        'changes for a peer' => array_sum(array_column($store['peerings'], 'backlog')),
      ];
      foreach (array_filter($numbers) as $what => $number) {
        $left[] = "{$site->name}: $number $what";
      }
    }
    return $left;
  }

}

<?php
declare(strict_types = 1);

namespace Civi\Share\Admin;

use Civi\Share\Native;

/**
 * How the exchange with each remote node goes, as the store tells it.
 */
final class PeeringHealth {

  /**
   * @var array|null
   *   What the store says, NULL if it can not be asked.
   */
  private ?array $status = NULL;

  private ?string $error = NULL;

  public function __construct() {
    try {
      $store = Native::store();
      $this->status = $store === NULL ? NULL : $store->status();
    }
    catch (\Throwable $e) {
      $this->error = $e->getMessage();
    }
  }

  /**
   * Why the store could not be asked; NULL if it answered or there is none.
   */
  public function error(): ?string {
    return $this->error;
  }

  public function known(): bool {
    return $this->status !== NULL;
  }

  /**
   * @return array
   *   Keys backlog, last_success, last_error, failing_since, next_attempt; times in Unix milliseconds. Empty if not known.
   */
  public function of(int $peering): array {
    return (array) ($this->status['peerings'][$peering] ?? []);
  }

  public function dead(): int {
    return (int) ($this->status['dead'] ?? 0);
  }

  /**
   * A point in time as CiviCRM shows it to people, in the site's time zone.
   *
   * @param mixed $milliseconds
   */
  public static function time($milliseconds): string {
    if (!$milliseconds) {
      return '';
    }
    return \CRM_Utils_Date::customFormat(date('Y-m-d H:i:s', intdiv((int) $milliseconds, 1000)));
  }

}

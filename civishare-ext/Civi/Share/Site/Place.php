<?php
declare(strict_types = 1);

namespace Civi\Share\Site;

use Civi\Share\Instance;

/**
 * Where this site is: its address, its database, its upload folder. If that is not where it was, it may be a copy of the site that it was,
 * and two sites under one name would do harm. Then nothing is sent or applied until a person has said what it is.
 */
final class Place {

  private const KNOWN = 'places';
  private const HELD = 'held';

  /**
   * Looks, and holds the site where it is not known. The first place of all is taken as it is.
   *
   * @return bool
   *   May it send and apply?
   */
  public static function check(): bool {
    $here = self::here();
    $known = self::known();
    if (!self::isKnown($here, $known)) {
      if (self::held() === NULL) {
        Instance::note(self::HELD, json_encode(['time' => time()] + $here));
        \Civi::log()->warning('CiviShare: this site is not where it was. Nothing is sent or applied until somebody says on its screen what it is.');
      }
      return FALSE;
    }
    if (!in_array($here, $known, TRUE) || self::held() !== NULL) {
      self::accept(in_array($here, $known, TRUE) ? $known : array_merge($known, [$here]));
    }
    return TRUE;
  }

  /**
   * What was noticed: a place and its 'time'. NULL if nothing was.
   */
  public static function held(): ?array {
    $held = Instance::fact(self::HELD);
    return $held === NULL ? NULL : (array) json_decode($held, TRUE);
  }

  /**
   * The place at which the site was found last.
   */
  public static function found(): array {
    $held = self::held();
    unset($held['time']);
    return $held ?? self::here();
  }

  /**
   * @return array[]
   *   Places at which the site is known to be.
   */
  public static function known(): array {
    return array_values((array) json_decode((string) Instance::fact(self::KNOWN), TRUE));
  }

  /**
   * @param array[] $places
   */
  public static function accept(array $places): void {
    Instance::note(self::KNOWN, json_encode(array_values(array_unique($places, SORT_REGULAR))));
    Instance::note(self::HELD, NULL);
  }

  /**
   * The address comes without its scheme, which may change at any time without the site being another. Some sites take it from the request: so
   * what the command line says is compared with what that said before, and likewise for the web server.
   */
  private static function here(): array {
    $url = defined('CIVICRM_UF_BASEURL') ? (string) CIVICRM_UF_BASEURL : (string) \CRM_Core_Config::singleton()->userFrameworkBaseURL;
    $dsn = \DB::parseDSN(\CRM_Core_Config::singleton()->dsn);
    return [
      'by' => PHP_SAPI === 'cli' ? 'cli' : 'web',
      'url' => rtrim((string) preg_replace('#^[a-z]+://#i', '', $url), '/'),
      'database' => (string) ($dsn['database'] ?? ''),
      'folder' => rtrim((string) \CRM_Core_Config::singleton()->uploadDir, '/\\'),
    ];
  }

  /**
   * Of a place that is the first of the command line's, or of the web server's, only the address is new.
   */
  private static function isKnown(array $here, array $known): bool {
    $sameBy = array_filter($known, function (array $place) use ($here): bool {
      return $place['by'] === $here['by'];
    });
    if ($known === [] || in_array($here, $sameBy, TRUE)) {
      return TRUE;
    }
    return $sameBy === [] && in_array($here['database'], array_column($known, 'database'), TRUE) && in_array($here['folder'], array_column($known, 'folder'), TRUE);
  }

}

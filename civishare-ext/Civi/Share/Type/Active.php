<?php
declare(strict_types = 1);

namespace Civi\Share\Type;

use Civi\Share\Peering;

/**
 * The change types that some peering in use lets out or in: only their tables have triggers, and only their saves are looked at.
 *
 * What each save of anything has to know of them is kept in a setting, which CiviCRM has at hand anyway; no type's file is read for
 * the save of an entity that nobody shares.
 */
final class Active {

  private const SETTING = 'civishare_active_types';

  /**
   * @var array<string, array>|null
   *   Type => ['file', 'entity', 'table', 'objects', 'extends'].
   */
  private static ?array $index = NULL;

  /**
   * @return array<string, array>
   *   Type => ['file' => path in types/ or NULL, 'entity', 'table', 'objects', 'extends'].
   */
  public static function index(): array {
    if (self::$index === NULL) {
      $kept = \Civi::settings()->get(self::SETTING);
      self::$index = is_array($kept) ? $kept : self::compute();
    }
    return self::$index;
  }

  /**
   * A peering or a declaration may have changed: has the triggers made or taken away where that is so.
   */
  public static function refresh(): void {
    $before = array_keys(self::index());
    self::recompute();
    if ($before !== array_keys(self::index())) {
      self::afterCommit();
    }
  }

  public static function recompute(): void {
    self::$index = self::compute();
    if (\Civi::settings()->get(self::SETTING) !== self::$index) {
      \Civi::settings()->set(self::SETTING, self::$index);
      Registry::flush();
      \Civi\Share\Detect\Detector::reset();
    }
  }

  /**
   * Forgets what was read in this process.
   */
  public static function flush(): void {
    self::$index = NULL;
  }

  /**
   * Types that a peering names and that can not be used on this site.
   *
   * @return string[]
   */
  public static function lacking(): array {
    return array_keys(array_diff_key(self::wanted(), self::index()));
  }

  /**
   * @return array<string, mixed>
   *   By name of the type.
   */
  private static function wanted(): array {
    $wanted = [];
    foreach (Peering::enabled() as $peering) {
      $wanted += $peering->typesOut + $peering->typesIn;
    }
    return $wanted;
  }

  /**
   * Making a trigger ends a transaction, so an open one has to end by itself first.
   */
  private static function afterCommit(): void {
    if (\CRM_Core_Transaction::isActive()) {
      \CRM_Core_Transaction::addCallback(\CRM_Core_Transaction::PHASE_POST_COMMIT, [\Civi\Share\Journal\Triggers::class, 'renew'], NULL, self::class);
    }
    else {
      \Civi\Share\Journal\Triggers::renew();
    }
  }

  private static function compute(): array {
    $index = [];
    foreach (array_intersect_key(Registry::declarations(), self::wanted()) as $name => $declaration) {
      if (Registry::lack($declaration) !== NULL) {
        continue;
      }
      $index[$name] = [
        'file' => $declaration['file'] ?? NULL,
        'entity' => $declaration['entity'],
        'table' => $declaration['table'],
        'objects' => $declaration['objects'] ?? [$declaration['entity']],
        'extends' => $declaration['custom'] ?? [],
      ];
    }
    return $index;
  }

}

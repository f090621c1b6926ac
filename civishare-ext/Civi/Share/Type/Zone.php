<?php
declare(strict_types = 1);

namespace Civi\Share\Type;

/**
 * The time zone in which this site's times without a zone are meant: the site's, not that of the user who happens to save.
 */
final class Zone {

  public static function site(): \DateTimeZone {
    static $zone = NULL;
    return $zone ??= self::named(self::name());
  }

  private static function named(?string $name): \DateTimeZone {
    try {
      return new \DateTimeZone((string) $name);
    }
    catch (\Throwable $e) {
      return new \DateTimeZone(date_default_timezone_get());
    }
  }

  /**
   * Drupal's zone is the user's where users may choose one, so its default is asked for first.
   */
  private static function name(): ?string {
    if (class_exists('\Drupal', FALSE)) {
      return \Drupal::config('system.date')->get('timezone.default');
    }
    if (function_exists('variable_get')) {
      return variable_get('date_default_timezone', NULL);
    }
    if (function_exists('wp_timezone_string')) {
      return wp_timezone_string();
    }
    return \CRM_Core_Config::singleton()->userSystem->getTimeZoneString();
  }

}

<?php

/**
 * What every file of this extension needs of itself: its key, its texts, its paths.
 */
final class CRM_Share_ExtensionUtil {

  const SHORT_NAME = 'civishare';
  const LONG_NAME = 'civishare';
  const CLASS_PREFIX = 'CRM_Share';

  /**
   * Translates a text in the extension's own domain.
   *
   * @param string $text
   * @param array $params
   *   Values for %1, %2 … as for ts().
   */
  public static function ts($text, $params = []): string {
    return ts($text, $params + ['domain' => [self::LONG_NAME, NULL]]);
  }

  public static function path(string $file = ''): string {
    return dirname(__DIR__, 2) . ($file === '' ? '' : DIRECTORY_SEPARATOR . $file);
  }

}

<?php
declare(strict_types = 1);

namespace Civi\Share\Type;

/**
 * Files between CiviCRM's folder and the wire, where one is a data URI (RFC 2397) with its name in it:
 * "data:application/octet-stream;name=report.pdf;base64,JVBERi0…".
 *
 * One that is larger than the setting allows, or not in the folder, goes by its name alone: "report.pdf".
 */
final class Files {

  /**
   * A message may have 8 MiB, and base64 takes a third more than the file.
   */
  const MOST_KB = 4000;

  private const BEGINNING = 'data:application/octet-stream;name=';

  /**
   * @param string $uri
   *   As civicrm_file holds it: the name with what makes it unique.
   */
  public static function toWire(string $uri): string {
    $name = self::name($uri);
    $path = self::path($uri);
    $size = $path === NULL ? FALSE : @filesize($path);
    $content = $size === FALSE || $size > self::limit() ? FALSE : @file_get_contents($path, FALSE, NULL, 0, self::limit() + 1);
    return $content === FALSE ? $name : self::BEGINNING . rawurlencode($name) . ';base64,' . base64_encode($content);
  }

  /**
   * @return array
   *   [name, content or NULL]; NULL if it is neither of the two forms.
   */
  public static function fromWire(string $wire): ?array {
    $content = NULL;
    $name = $wire;
    if (strncmp($wire, 'data:', 5) === 0) {
      $comma = strpos($wire, ',');
      if ($comma === FALSE || !preg_match('/;name=([^;,]+)(;[^,]*)?;base64$/', substr($wire, 0, $comma), $part)) {
        return NULL;
      }
      $name = rawurldecode($part[1]);
      $content = base64_decode(substr($wire, $comma + 1), TRUE);
    }
    $fits = $content !== FALSE && $name !== '' && strlen($name) <= 255 && !preg_match('#[/\\\\\x00-\x1f]#', $name);
    return $fits ? [$name, $content] : NULL;
  }

  /**
   * Where a file is; NULL if that would be outside of CiviCRM's folder.
   */
  public static function path(string $uri): ?string {
    if ($uri === '' || $uri !== basename($uri)) {
      return NULL;
    }
    return rtrim((string) \CRM_Core_Config::singleton()->customFileUploadDir, '/\\') . DIRECTORY_SEPARATOR . $uri;
  }

  public static function name(string $uri): string {
    return \CRM_Utils_File::cleanFileName($uri);
  }

  /**
   * In bytes.
   */
  public static function limit(): int {
    return 1000 * max(0, min(self::MOST_KB, (int) \Civi::settings()->get('civishare_file_kb')));
  }

  /**
   * Shared files that go by their names alone.
   *
   * @return string[]
   */
  public static function withoutContent(int $limit): array {
    $names = [];
    $rows = \Civi\Share\Db::rows("SELECT f.uri FROM civicrm_file f INNER JOIN civicrm_share_entity e ON e.entity_type = 'File' AND e.entity_id = f.id ORDER BY f.id DESC LIMIT $limit");
    foreach (array_filter(array_column($rows, 'uri')) as $uri) {
      $path = self::path($uri);
      $size = $path === NULL ? FALSE : @filesize($path);
      if ($size === FALSE || $size > self::limit()) {
        $names[] = self::name($uri);
      }
    }
    return $names;
  }

}

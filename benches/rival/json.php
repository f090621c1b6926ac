<?php
declare(strict_types = 1);

/** Canonical JSON (RFC 8785) as PHP writes it best: json_encode, over keys that are sorted only where they have to be. */
final class RivalJson {

  public const FLAGS = JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_LINE_TERMINATORS | JSON_THROW_ON_ERROR;

  public static function canonical(array $value): string {
    return json_encode(self::sorted($value), self::FLAGS);
  }

  /** The value with its keys in canonical order. What comes from a node of ours mostly is, so it is looked at before it is copied. */
  public static function sorted(array $value): array {
    return self::isSorted($value) ? $value : self::sort($value);
  }

  /**
   * Whether the keys of objects with these keys, in this order, are in canonical order.
   *
   * @var array<string, bool>
   */
  private static array $shapes = [];

  private static function isSorted(array $value): bool {
    if (!array_is_list($value) && !(self::$shapes[implode("\0", array_keys($value))] ??= self::areSorted(array_keys($value)))) {
      return FALSE;
    }
    foreach ($value as $element) {
      if (is_array($element) && !self::isSorted($element)) {
        return FALSE;
      }
    }
    return TRUE;
  }

  private static function areSorted(array $keys): bool {
    $keys = array_map('strval', $keys);
    $sorted = $keys;
    sort($sorted, SORT_STRING);
    return $keys === $sorted && !preg_match('/[^\x00-\x7f]/', implode('', $keys));
  }

  /** Keys by UTF-16 code units: byte order, except where a character beyond the basic plane meets one above the surrogates. */
  private static function sort(array $value): array {
    foreach ($value as $key => $element) {
      if (is_array($element)) {
        $value[$key] = self::sort($element);
      }
    }
    if (!array_is_list($value)) {
      ksort($value, SORT_STRING);
      if (preg_match('/[\x{e000}-\x{10ffff}]/u', implode('', array_keys($value)))) {
        uksort($value, fn($one, $other) => mb_convert_encoding((string) $one, 'UTF-16BE') <=> mb_convert_encoding((string) $other, 'UTF-16BE'));
      }
    }
    return $value;
  }

}

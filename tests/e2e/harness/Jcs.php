<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * Canonical JSON (RFC 8785) of what json_decode() without its second parameter gives.
 */
final class Jcs {

  /**
   * @param mixed $value
   */
  public static function encode($value): string {
    if (is_object($value)) {
      $members = get_object_vars($value);
    }
    elseif (is_array($value) && !array_is_list($value)) {
      $members = $value;
    }
    elseif (is_array($value)) {
      return '[' . implode(',', array_map([self::class, 'encode'], $value)) . ']';
    }
    else {
      return self::scalar($value);
    }
    uksort($members, function ($a, $b): int {
      return strcmp(mb_convert_encoding((string) $a, 'UTF-16BE', 'UTF-8'), mb_convert_encoding((string) $b, 'UTF-16BE', 'UTF-8'));
    });
    $parts = [];
    foreach ($members as $name => $member) {
      $parts[] = self::scalar((string) $name) . ':' . self::encode($member);
    }
    return '{' . implode(',', $parts) . '}';
  }

  /**
   * @param mixed $value
   */
  private static function scalar($value): string {
    if (is_float($value)) {
      return self::float($value);
    }
    return json_encode($value, JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_LINE_TERMINATORS);
  }

  /**
   * As ECMAScript writes numbers: the shortest digits that lead back to it, with an exponent from 1e21 and below 1e-6.
   */
  private static function float(float $value): string {
    preg_match('/^(-?)(\d)\.?(\d*)e([+-]\d+)$/', self::shortest($value), $part);
    [, $sign, $first, $rest, $exponent] = $part;
    $rest = rtrim($rest, '0');
    $exponent = (int) $exponent;
    $digits = $first . $rest;
    if ($value == 0) {
      return '0';
    }
    if ($exponent >= 21 || $exponent < -6) {
      return $sign . $first . ($rest === '' ? '' : ".$rest") . 'e' . ($exponent > 0 ? '+' : '') . $exponent;
    }
    if ($exponent < 0) {
      return $sign . '0.' . str_repeat('0', -$exponent - 1) . $digits;
    }
    $digits = str_pad($digits, $exponent + 1, '0');
    $fraction = substr($digits, $exponent + 1);
    return $sign . substr($digits, 0, $exponent + 1) . ($fraction === '' ? '' : ".$fraction");
  }

  private static function shortest(float $value): string {
    for ($precision = 0; $precision < 17; $precision++) {
      $text = sprintf("%.{$precision}e", $value);
      if ((float) $text === $value) {
        break;
      }
    }
    return $text;
  }

}

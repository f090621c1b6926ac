<?php
declare(strict_types = 1);

namespace Civi\Share\Type;

/**
 * Between what a column holds and what travels (protocol.md, "Message", values).
 */
final class Values {

  private const SEPARATOR = "\x01";

  /**
   * @param string|null $raw
   *   As the database gives it.
   *
   * @return mixed
   *   NULL, bool, int, string or a sorted list of strings.
   */
  public static function toWire(Attribute $attribute, ?string $raw) {
    if ($raw === NULL || $raw === '') {
      return $attribute->kind === 'bool' && !$attribute->multiple ? $attribute->default : NULL;
    }
    if (!$attribute->multiple) {
      return self::oneToWire($attribute, $raw);
    }
    $list = [];
    foreach (array_filter(explode(self::SEPARATOR, $raw), 'strlen') as $entry) {
      $list[] = self::oneToWire($attribute, $entry);
    }
    sort($list);
    return $list === [] ? NULL : $list;
  }

  /**
   * @return mixed
   *   What API version 4 takes for this column: NULL, a scalar, or a list.
   *
   * @throws Unfit
   */
  public static function fromWire(Attribute $attribute, $wire) {
    if ($wire === NULL || $wire === '' || $wire === []) {
      return $attribute->default === NULL ? NULL : self::oneFromWire($attribute, $attribute->default);
    }
    if (!$attribute->multiple) {
      return self::oneFromWire($attribute, $wire);
    }
    $list = array_map(function ($entry) use ($attribute) {
      return self::oneFromWire($attribute, $entry);
    }, array_values(is_array($wire) ? $wire : [$wire]));
    // CiviCRM takes a list for a set of keys if a 1 is not at its beginning (CRM_Utils_Array::formatArrayKeys).
    sort($list);
    return $list;
  }

  private static function oneToWire(Attribute $attribute, string $raw) {
    switch ($attribute->kind) {
      case 'bool':
        return $raw !== '0';

      case 'int':
        return is_numeric($raw) ? (int) $raw : $raw;

      case 'decimal':
        return self::decimal($raw);

      case 'date':
        return strncmp($raw, '0000-00-00', 10) === 0 ? NULL : substr($raw, 0, 10);

      case 'time':
        return self::timeToWire($raw);

      case 'option':
        return Options::name($attribute->options, $raw);

      case 'field':
        return Options::name(Options::CUSTOM_FIELD, $raw);

      case 'file':
        return Files::toWire($raw);

      case 'serialized':
        $value = \CRM_Utils_String::unserialize($raw);
        return is_array($value) ? json_encode($value, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_PARTIAL_OUTPUT_ON_ERROR) : NULL;

      default:
        return self::text($attribute, $raw);
    }
  }

  private static function oneFromWire(Attribute $attribute, $wire) {
    if (!is_scalar($wire)) {
      throw self::unfit($attribute, 'it is a list');
    }
    switch ($attribute->kind) {
      case 'bool':
        return self::truth($attribute, $wire);

      case 'int':
        if (!is_numeric($wire) && !is_bool($wire)) {
          throw self::unfit($attribute, 'it is no integer');
        }
        return (int) $wire;

      case 'decimal':
        if (!is_numeric($wire)) {
          throw self::unfit($attribute, 'it is no number');
        }
        // CiviCRM writes amounts into the subjects of activities as they are given to it.
        return preg_replace('/^(-?\d+)$/', '$1.00', preg_replace('/^(-?\d+\.\d)$/', '${1}0', (string) $wire));

      case 'date':
        return self::date($attribute, (string) $wire);

      case 'time':
        return self::timeFromWire($attribute, (string) $wire);

      case 'serialized':
      case 'json':
        $value = json_decode((string) $wire, TRUE);
        if (!is_array($value)) {
          throw self::unfit($attribute, 'it is no structure');
        }
        return $value;

      case 'option':
        $value = Options::value($attribute->options, (string) $wire);
        if ($value === NULL) {
          throw self::unfit($attribute, 'this site has no such option');
        }
        return $value;

      case 'field':
        return self::field($attribute, (string) $wire);

      case 'file':
        if (Files::fromWire((string) $wire) === NULL) {
          throw self::unfit($attribute, 'it is no file');
        }
        return (string) $wire;

      default:
        if (strpos((string) $wire, "\0") !== FALSE) {
          throw self::unfit($attribute, 'it holds a NUL character');
        }
        return (string) $wire;
    }
  }

  /**
   * CiviCRM stores "<" and ">" as entities, except in rich text that came from its editor.
   */
  private static function text(Attribute $attribute, string $raw): string {
    if ($attribute->markup && strpos($raw, '<') !== FALSE) {
      return $raw;
    }
    return str_replace(['&lt;', '&gt;'], ['<', '>'], $raw);
  }

  /**
   * 1.50 and 1.5 are one number; the scale is a matter of the column.
   */
  private static function decimal(string $raw): string {
    return strpos($raw, '.') === FALSE || stripos($raw, 'e') !== FALSE ? $raw : rtrim(rtrim($raw, '0'), '.');
  }

  private static function truth(Attribute $attribute, $wire): int {
    $truth = filter_var($wire, FILTER_VALIDATE_BOOLEAN, FILTER_NULL_ON_FAILURE);
    if ($truth === NULL) {
      throw self::unfit($attribute, 'it is neither true nor false');
    }
    return (int) $truth;
  }

  private static function date(Attribute $attribute, string $wire): string {
    if (!preg_match('/^(\d{4})-(\d\d)-(\d\d)$/', $wire, $part) || !checkdate((int) $part[2], (int) $part[3], (int) $part[1])) {
      throw self::unfit($attribute, 'it is no date');
    }
    return $wire;
  }

  /**
   * Of profiles: a column of CiviCRM's own goes by its name, a custom field by its set and name.
   */
  private static function field(Attribute $attribute, string $wire): string {
    $value = Options::value(Options::CUSTOM_FIELD, $wire) ?? $wire;
    if (!preg_match('/^[A-Za-z0-9_-]+$/', $value)) {
      throw self::unfit($attribute, 'this site has no such custom field');
    }
    return $value;
  }

  /**
   * In UTC, so that one moment has one form on all sites.
   */
  private static function timeToWire(string $raw): ?string {
    if (strncmp($raw, '0000-00-00', 10) === 0) {
      return NULL;
    }
    $time = new \DateTimeImmutable($raw, Zone::site());
    return $time->setTimezone(new \DateTimeZone('UTC'))->format('Y-m-d\TH:i:sP');
  }

  private static function timeFromWire(Attribute $attribute, string $wire): string {
    if (!preg_match('/^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/', $wire)) {
      throw self::unfit($attribute, 'it is no time with an offset');
    }
    return (new \DateTimeImmutable($wire))->setTimezone(Zone::site())->format('Y-m-d H:i:s');
  }

  /**
   * The value itself is left out: reasons are logged and shown.
   */
  private static function unfit(Attribute $attribute, string $why): Unfit {
    return new Unfit("$attribute->name could not be taken: $why.");
  }

}

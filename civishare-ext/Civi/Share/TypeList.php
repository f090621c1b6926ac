<?php
declare(strict_types = 1);

namespace Civi\Share;

use Civi\Share\Filter\Filter;
use Civi\Share\Shape\Shape;

/**
 * The change types that a peering lets out or in, and how.
 *
 * Stored and in the API: a list of {"type": …, "attributes": […]}, attributes left out for all, and the members of PARTS. For the
 * native module: a map from type to names, NULL for all. A person may also write a plain list of types.
 */
final class TypeList {

  /**
   * What an entry may hold besides its type and attributes, a class each: MEMBERS, the names; fromEntry(), which gives NULL where
   * none of them stands there and throws \InvalidArgumentException where one is wrong; toEntry(), the form that is stored.
   */
  private const PARTS = [Filter::class, Shape::class];

  /**
   * @param array|string|null $value
   *   Any of the forms, or one of them as JSON.
   *
   * @return array<string, array|null>
   *   Type => names of attributes, NULL for all.
   *
   * @throws \InvalidArgumentException
   *   If it is none of them. The message is a sentence for a person.
   */
  public static function toMap($value): array {
    return array_map(function (array $entry): ?array {
      return $entry['attributes'] ?? NULL;
    }, self::toEntries($value));
  }

  /**
   * @param array|string|null $value
   *
   * @return array<string, array>
   *   Type => members of its entry, without the type.
   */
  public static function toEntries($value): array {
    $entries = [];
    foreach (self::decode($value) as $key => $entry) {
      if (is_string($key)) {
        $entry = self::isEntry($entry) ? ['type' => $key] + $entry : ['type' => $key, 'attributes' => $entry];
      }
      elseif (!is_array($entry)) {
        $entry = ['type' => $entry];
      }
      $entries[self::type($entry['type'] ?? NULL)] = self::members($entry);
    }
    ksort($entries);
    return $entries;
  }

  /**
   * @param array|string|null $value
   *
   * @return array[]
   *   The form that is stored.
   */
  public static function toList($value): array {
    $list = [];
    foreach (self::toEntries($value) as $type => $entry) {
      $list[] = ['type' => $type] + $entry;
    }
    return $list;
  }

  /**
   * @param array|string|null $value
   */
  private static function decode($value): array {
    if (is_string($value) && $value !== '' && $value !== 'null') {
      $value = json_decode($value, TRUE);
      if (!is_array($value)) {
        throw new \InvalidArgumentException('Change types have to be a JSON list.');
      }
    }
    return is_array($value) ? $value : [];
  }

  /**
   * @param mixed $entry
   */
  private static function isEntry($entry): bool {
    return is_array($entry) && array_filter(array_keys($entry), 'is_string') !== [];
  }

  /**
   * A member that nobody knows is refused: a filter that is misspelt would let everything out.
   */
  private static function members(array $entry): array {
    $attributes = self::attributes($entry['attributes'] ?? NULL);
    $members = $attributes === NULL ? [] : ['attributes' => $attributes];
    $known = ['type', 'attributes'];
    foreach (self::PARTS as $part) {
      $known = array_merge($known, $part::MEMBERS);
      $members += $part::fromEntry($entry)?->toEntry() ?? [];
    }
    $unknown = array_diff(array_keys($entry), $known);
    if ($unknown !== []) {
      throw new \InvalidArgumentException(sprintf('%s: "%s" is not one of %s.', $entry['type'], reset($unknown), implode(', ', $known)));
    }
    return $members;
  }

  /**
   * @param mixed $type
   */
  private static function type($type): string {
    if (!is_string($type) || !preg_match('/^[a-z][a-z0-9_]*(\.[a-z0-9_]+)+$/', $type)) {
      throw new \InvalidArgumentException('A change type is a name such as civishare.change.contact.base.');
    }
    return $type;
  }

  /**
   * @param mixed $names
   */
  private static function attributes($names): ?array {
    if ($names === NULL) {
      return NULL;
    }
    if (!is_array($names) || array_filter($names, 'is_string') !== $names) {
      throw new \InvalidArgumentException('The attributes of a change type are a list of names.');
    }
    return array_values(array_unique($names));
  }

}

<?php
declare(strict_types = 1);

namespace Civi\Share\Shape;

use Civi\Share\Type\ChangeType;
use CRM_Share_ExtensionUtil as E;

/**
 * In which words a change type goes through a peering: the part of an entry of types_out or types_in that leaves attributes out and
 * renames, replaces and translates what the rest says.
 *
 * Attributes are named as this site names them, except in "rename". "rename" and "translate" go in the direction of travel: from
 * this site's words to the peer's in types_out, from the peer's to this site's in types_in. The native module does it all, except
 * that the constants of types_in are put in where they are written (\Civi\Share\Apply\Incoming).
 */
final class Shape {

  const MEMBERS = ['except', 'rename', 'constant', 'translate', 'one_way'];

  /**
   * @param string[] $except
   *   Attributes that are left out.
   * @param array<string, string> $rename
   *   Name before => name after.
   * @param array<string, mixed> $constant
   *   Attribute => the value that is told or written instead.
   * @param array<string, array<array-key, mixed>> $translate
   *   Attribute => value before => value after. Values that do not stand there stay.
   * @param string[]|bool $oneWay
   *   Privacy flags that are told or taken when they are set, never when they are lifted; TRUE for all.
   */
  private function __construct(
    public readonly array $except,
    public readonly array $rename,
    public readonly array $constant,
    public readonly array $translate,
    public readonly array|bool $oneWay,
  ) {
  }

  /**
   * @param array $entry
   *   An entry of a list of types.
   *
   * @return self|null
   *   NULL if everything goes through as it is.
   *
   * @throws \InvalidArgumentException
   */
  public static function fromEntry(array $entry): ?self {
    $oneWay = $entry['one_way'] ?? FALSE;
    $shape = new self(
      self::names('except', $entry['except'] ?? []),
      self::rename($entry['rename'] ?? []),
      self::constant($entry['constant'] ?? []),
      self::translate($entry['translate'] ?? []),
      is_bool($oneWay) ? $oneWay : self::names('one_way', $oneWay),
    );
    return $shape->toEntry() === [] ? NULL : $shape;
  }

  /**
   * @return array
   *   Members of an entry.
   */
  public function toEntry(): array {
    return array_filter([
      'except' => $this->except,
      'rename' => $this->rename,
      'constant' => $this->constant,
      'translate' => $this->translate,
      'one_way' => $this->oneWay,
    ]);
  }

  /**
   * What the native module takes for a change type.
   *
   * @param self|null $shape
   * @param string[]|null $only
   *   The only attributes that go through, NULL for all.
   * @param array<string, array<array-key, string>> $options
   *   Option list => option before => option after.
   * @param string[] $identity
   *   What may be told to find an entity by.
   *
   * @return array|null
   *   NULL for everything as it is.
   */
  public static function facts(?self $shape, ?ChangeType $type, ?array $only, array $options, array $identity = []): ?array {
    $translate = ($shape->translate ?? []) + self::ofOptions($type, $options);
    $facts = array_filter([
      'except' => $shape->except ?? [],
      'rename' => $shape->rename ?? [],
      'constant' => $shape->constant ?? [],
      'translate' => $translate,
      'one_way' => $shape === NULL || $type === NULL ? [] : $shape->flags($type),
    ]);
    if ($facts === [] && $only === NULL) {
      return NULL;
    }
    return $facts + ['only' => $only] + ($identity === [] ? [] : ['identity' => $identity]);
  }

  /**
   * The flags of a type that go one way.
   *
   * @return string[]
   */
  public function flags(ChangeType $type): array {
    return $this->oneWay === TRUE ? $type->privacy() : (array) ($this->oneWay ?: []);
  }

  /**
   * @return array<string, array>
   *   Attribute => table, for every attribute whose options stand in one of these lists.
   */
  private static function ofOptions(?ChangeType $type, array $options): array {
    if ($options === [] || $type === NULL) {
      return [];
    }
    $tables = [];
    foreach ($type->attributes() as $name => $attribute) {
      $list = ltrim((string) $attribute->options, '@');
      if (isset($options[$list])) {
        $tables[$name] = $options[$list];
      }
    }
    return $tables;
  }

  /**
   * @param mixed $names
   *
   * @return string[]
   */
  private static function names(string $member, $names): array {
    if (!is_array($names) || array_filter($names, 'is_string') !== $names) {
      throw new \InvalidArgumentException(E::ts('%1 has to be a list of attributes.', [1 => $member]));
    }
    return array_values(array_unique($names));
  }

  /**
   * @param mixed $rename
   */
  private static function rename($rename): array {
    $isMap = is_array($rename) && array_filter($rename, 'is_string') === $rename && array_filter(array_keys($rename), 'is_string') === array_keys($rename);
    if (!$isMap || in_array('', $rename, TRUE)) {
      throw new \InvalidArgumentException(E::ts('rename has to give each attribute another name, such as {"Our_group.size": "Their_group.breadth"}.'));
    }
    $twice = array_diff_assoc($rename, array_unique($rename));
    if ($twice !== []) {
      throw new \InvalidArgumentException(E::ts('rename makes several attributes one: %1.', [1 => reset($twice)]));
    }
    return array_filter($rename, function (string $to, string $from): bool {
      return $to !== $from;
    }, ARRAY_FILTER_USE_BOTH);
  }

  /**
   * @param mixed $constant
   */
  private static function constant($constant): array {
    if (!is_array($constant) || array_filter(array_keys($constant), 'is_string') !== array_keys($constant)) {
      throw new \InvalidArgumentException(E::ts('constant has to give attributes a value each, such as {"source": "Our chapter"}.'));
    }
    foreach ($constant as $name => $value) {
      if (!self::isValue($value)) {
        throw new \InvalidArgumentException(E::ts('The constant for %1 has to be a plain value or a list of them.', [1 => $name]));
      }
    }
    return $constant;
  }

  /**
   * @param mixed $translate
   */
  private static function translate($translate): array {
    if (!is_array($translate) || array_filter(array_keys($translate), 'is_string') !== array_keys($translate) || array_filter($translate, 'is_array') !== $translate) {
      throw new \InvalidArgumentException(E::ts('translate has to give attributes a table of values each, such as {"gender_id:name": {"Female": "F"}}.'));
    }
    foreach ($translate as $name => $table) {
      foreach ($table as $value) {
        if ($value !== NULL && !is_scalar($value)) {
          throw new \InvalidArgumentException(E::ts('The table of %1 has to lead to plain values.', [1 => $name]));
        }
      }
    }
    return array_filter($translate);
  }

  /**
   * @param mixed $value
   */
  private static function isValue($value): bool {
    $isPlain = function ($one): bool {
      return $one === NULL || is_scalar($one);
    };
    return is_array($value) ? array_is_list($value) && array_filter($value, $isPlain) === array_filter($value) : $isPlain($value);
  }

}

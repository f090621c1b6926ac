<?php
declare(strict_types = 1);

namespace Civi\Share\Shape;

use Civi\Share\Type\Attribute;
use Civi\Share\Type\ChangeType;
use Civi\Share\Type\Registry;
use CRM_Share_ExtensionUtil as E;

/**
 * Do the words of a peering make sense? Asked before they are stored. A misspelt name would let out what should be left out, and
 * what comes back under another name or value than it went would never be equal on both sites.
 */
final class Check {

  /**
   * @param array<string, array> $out
   *   As \Civi\Share\TypeList::toEntries() gives them.
   * @param array<string, array> $in
   *
   * @throws \InvalidArgumentException
   *   The message is a sentence for a person.
   */
  public static function entries(array $out, array $in): void {
    foreach ($out as $name => $entry) {
      self::one($name, $entry, TRUE);
    }
    foreach ($in as $name => $entry) {
      self::one($name, $entry, FALSE);
    }
    foreach (array_intersect_key($out, $in) as $name => $entry) {
      self::both($name, $entry, $in[$name]);
    }
  }

  /**
   * @param string $typeName
   * @param array $entry
   * @param bool $isOut
   */
  private static function one(string $typeName, array $entry, bool $isOut): void {
    $shape = Shape::fromEntry($entry);
    if ($shape === NULL) {
      return;
    }
    $type = Registry::type($typeName);
    if ($type === NULL) {
      throw new \InvalidArgumentException(E::ts('%1: this site does not know the change type, so nothing can be left out, renamed or translated.', [1 => $typeName]));
    }
    $ours = $isOut ? array_keys($shape->rename) : array_values($shape->rename);
    foreach (array_merge($shape->except, $ours, array_keys($shape->constant), array_keys($shape->translate)) as $name) {
      self::attribute($type, (string) $name);
    }
    if ($isOut) {
      self::taken($type, $shape, $entry['attributes'] ?? NULL);
    }
    self::values($type, $shape);
    $unfit = is_array($shape->oneWay) ? array_diff($shape->oneWay, $type->privacy()) : ($shape->oneWay && $type->privacy() === [] ? ['one_way'] : []);
    if ($unfit !== []) {
      throw new \InvalidArgumentException(E::ts('%1: %2 is no privacy flag. These can go one way: %3.', [1 => $typeName, 2 => reset($unfit), 3 => implode(', ', $type->privacy()) ?: '-']));
    }
  }

  /**
   * Does another attribute have the name already that one is renamed to?
   */
  private static function taken(ChangeType $type, Shape $shape, ?array $only): void {
    foreach ($shape->rename as $from => $to) {
      $goesOut = $type->attribute($to) !== NULL && !isset($shape->rename[$to]) && !in_array($to, $shape->except, TRUE) && ($only === NULL || in_array($to, $only, TRUE));
      if ($goesOut) {
        throw new \InvalidArgumentException(E::ts('%1: %2 can not go out as %3, because there is an attribute of that name. Leave that one out ("except") or rename it too.', [1 => $type->name, 2 => $from, 3 => $to]));
      }
    }
  }

  private static function values(ChangeType $type, Shape $shape): void {
    foreach ($shape->constant + $shape->translate as $name => $value) {
      if ($type->attribute($name)->isReference()) {
        throw new \InvalidArgumentException(E::ts('%1: %2 refers to another record, and has no value that could be replaced.', [1 => $type->name, 2 => $name]));
      }
    }
    foreach (array_intersect_key($shape->constant, $shape->translate) as $name => $value) {
      throw new \InvalidArgumentException(E::ts('%1: %2 has both a constant and a table.', [1 => $type->name, 2 => $name]));
    }
  }

  private static function attribute(ChangeType $type, string $name): Attribute {
    $attribute = $type->attribute($name);
    if ($attribute === NULL) {
      throw new \InvalidArgumentException(E::ts('%1: this site has no attribute %2. Names are those of API version 4, of options with ":name".', [1 => $type->name, 2 => $name]));
    }
    return $attribute;
  }

  /**
   * What goes out and comes in as well has to come back as it went.
   */
  private static function both(string $type, array $outEntry, array $inEntry): void {
    $out = Shape::fromEntry($outEntry);
    $in = Shape::fromEntry($inEntry);
    if ($out === NULL && $in === NULL) {
      return;
    }
    foreach (array_unique(array_merge(array_keys($out->rename ?? []), array_values($in->rename ?? []))) as $name) {
      if (!self::lets($out, $outEntry, $name) || !self::lets($in, $inEntry, $name)) {
        continue;
      }
      $theirs = $out->rename[$name] ?? $name;
      if (($in->rename[$theirs] ?? $theirs) !== $name || array_search($name, $in->rename ?? [], TRUE) !== ($theirs === $name ? FALSE : $theirs)) {
        throw new \InvalidArgumentException(E::ts('%1: %2 goes out as %3 but does not come back so. Rename %3 to %2 in types_in, or leave it out of one of the two.', [1 => $type, 2 => $name, 3 => $theirs]));
      }
    }
    foreach (array_unique(array_merge(array_keys($out->translate ?? []), array_keys($in->translate ?? []))) as $name) {
      if (self::lets($out, $outEntry, $name) && self::lets($in, $inEntry, $name)) {
        self::reversible($type, $name, $out->translate[$name] ?? [], $in->translate[$name] ?? []);
      }
    }
  }

  private static function lets(?Shape $shape, array $entry, string $name): bool {
    return !in_array($name, $shape->except ?? [], TRUE) && !isset($shape->constant[$name])
      && (!isset($entry['attributes']) || in_array($name, $entry['attributes'], TRUE));
  }

  /**
   * @param array<array-key, mixed> $out
   * @param array<array-key, mixed> $in
   */
  private static function reversible(string $type, string $name, array $out, array $in): void {
    foreach ([[$out, $in, 'types_in'], [$in, $out, 'types_out']] as [$table, $back, $where]) {
      foreach ($table as $from => $to) {
        if (self::word($to) === NULL || self::word($back[self::word($to)] ?? NULL) !== (string) $from) {
          throw new \InvalidArgumentException(E::ts('%1: as %2 goes out and comes in, its tables have to be the reverse of each other. In %3, %4 does not lead back to %5.',
            [1 => $type, 2 => $name, 3 => $where, 4 => json_encode($to), 5 => json_encode((string) $from)]));
        }
      }
    }
  }

  /**
   * A value as it stands on the left side of a table.
   *
   * @param mixed $value
   */
  public static function word($value): ?string {
    return $value === NULL ? NULL : (is_string($value) ? $value : (string) json_encode($value));
  }

}

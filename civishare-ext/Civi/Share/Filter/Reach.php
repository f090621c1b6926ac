<?php
declare(strict_types = 1);

namespace Civi\Share\Filter;

use Civi\Share\Peering;
use Civi\Share\Type\Attribute;
use Civi\Share\Type\ChangeType;
use Civi\Share\Type\Registry;

/**
 * Which types a peering's filters bear upon: those that have one, and those that belong to one that has.
 */
final class Reach {

  /**
   * Do all entities of a type that the peering lets out go out?
   */
  public static function isFree(Peering $peering, ChangeType $type): bool {
    return $peering->filters === [] || !self::covers($peering, $type);
  }

  /**
   * References to what an entity has to follow: what it can not be without, and what it goes with.
   *
   * @return Attribute[]
   */
  public static function holds(ChangeType $type): array {
    return array_filter($type->references(), function (Attribute $attribute): bool {
      return $attribute->required || $attribute->parent;
    });
  }

  /**
   * Those of them, and of what an entity is about, that lead to a filter of this peering.
   *
   * @return Attribute[][]
   *   [what it has to follow, in order what it is about]
   */
  public static function bonds(Peering $peering, ChangeType $type): array {
    $leads = function (Attribute $attribute) use ($peering): bool {
      return self::leads($peering, $attribute);
    };
    return [array_filter(self::holds($type), $leads), array_filter($type->about(), $leads)];
  }

  public static function flush(): void {
    unset(\Civi::$statics[__CLASS__]);
  }

  private static function covers(Peering $peering, ChangeType $type): bool {
    $known = &\Civi::$statics[__CLASS__][$peering->id][$type->name];
    if ($known === NULL) {
      // Types may refer to one another in a circle; whoever asks again meanwhile adds nothing.
      $known = FALSE;
      [$holds, $about] = self::bonds($peering, $type);
      $known = isset($peering->filters[$type->name]) || $holds !== [] || $about !== [];
    }
    return $known;
  }

  private static function leads(Peering $peering, Attribute $attribute): bool {
    if ($attribute->refers === NULL) {
      // It may lead anywhere.
      return $peering->filters !== [];
    }
    $target = Registry::ofEntity($attribute->refers);
    return $target !== NULL && array_key_exists($target->name, $peering->typesOut) && self::covers($peering, $target);
  }

}

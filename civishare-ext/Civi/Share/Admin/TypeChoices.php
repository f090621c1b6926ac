<?php
declare(strict_types = 1);

namespace Civi\Share\Admin;

use Civi\Share\Type\Registry;

/**
 * The change types that an administrator can choose from.
 */
final class TypeChoices {

  /**
   * @param string[] $besides
   *   Types that are chosen already. Their extension may be switched off just now; saving a form must not drop them.
   *
   * @return string[]
   */
  public static function names(array $besides = []): array {
    $names = array_unique(array_merge(array_keys(Registry::usable()), $besides));
    sort($names);
    return $names;
  }

  /**
   * Does the type let the other site decide who may do what here? Whatever offers all types at once leaves it out.
   */
  public static function isExplicit(string $name): bool {
    return !empty(Registry::type($name)->explicit);
  }

}

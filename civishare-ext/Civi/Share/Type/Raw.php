<?php
declare(strict_types = 1);

namespace Civi\Share\Type;

use Civi\Share\Apply\Waiting;

/**
 * Entities as the database has them, to be brought into the form of the wire once their references are known.
 */
final class Raw {

  /**
   * @param array<int, array<string, mixed>> $rows
   *   Entity => key => value, keys as attributes() has them.
   * @param string[]|null $names
   *   Attributes that were read, NULL for all.
   */
  public function __construct(
    public readonly ChangeType $type,
    public readonly array $rows,
    private readonly ?array $names,
  ) {
  }

  /**
   * @return Attribute[]
   *   By the key of the row under which their value stands: columns of custom fields go with their table.
   */
  public function attributes(): array {
    $attributes = [];
    foreach (Reader::named($this->type, $this->names) as $attribute) {
      $key = $attribute->customField === NULL ? $attribute->column : "$attribute->table.$attribute->column";
      $attributes[$key] = $attribute;
    }
    return $attributes;
  }

  /**
   * A reference that waits for its target is told as it was received, not as the gap that it is here.
   *
   * @return array<int, array<string, mixed>>
   *   Entity => attribute => value.
   */
  public function values(References $references): array {
    $attributes = $this->attributes();
    $values = [];
    foreach ($this->rows as $id => $row) {
      $values[$id] = Reader::converted($attributes, $row, $references);
    }
    $referring = array_filter($attributes, function (Attribute $attribute): bool {
      return $attribute->isReference();
    });
    if ($values === [] || $referring === []) {
      return $values;
    }
    foreach (Waiting::of($this->type->entity, array_keys($values)) as $id => $waiting) {
      $values[$id] = array_merge($values[$id], array_intersect_key($waiting, $values[$id]));
    }
    return $values;
  }

}

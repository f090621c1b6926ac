<?php
declare(strict_types = 1);

namespace Civi\Share\Apply;

use Civi\Share\Type\ChangeType;

/**
 * A way of writing for entities that neither version of the API writes as they are: named by a type as its "writer".
 *
 * Values come as API version 4 takes them, references and options as numbers; custom fields under their names in version 3. What
 * fails throws.
 */
interface Writes {

  public function __construct(ChangeType $type);

  /**
   * @param array<string, mixed> $values
   *   Without what is empty.
   *
   * @return int
   *   The new row's id.
   */
  public function create(array $values): int;

  /**
   * @param array<string, mixed> $values
   *   NULL empties.
   */
  public function update(int $id, array $values): void;

  public function delete(int $id): void;

}

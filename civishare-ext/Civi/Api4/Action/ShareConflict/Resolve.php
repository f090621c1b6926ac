<?php
declare(strict_types = 1);

namespace Civi\Api4\Action\ShareConflict;

use Civi\Share\Admin\BatchAction;
use Civi\Share\Conflict\Resolver;

/**
 * Decides conflicts: our value stays, theirs is taken, or another one is written. The decision is told to all peerings and is no conflict
 * over there again.
 *
 * @method $this setResolution(string $resolution)
 * @method $this setValue(mixed $value)
 */
final class Resolve extends BatchAction {

  /**
   * "ours", "theirs" or "value".
   *
   * @var string
   * @required
   */
  protected $resolution;

  /**
   * The value, for "value".
   *
   * @var mixed
   */
  protected $value;

  /**
   * @param array $item
   */
  protected function doTask($item): array {
    Resolver::resolve((int) $item['id'], (string) $this->resolution, $this->value);
    return ['id' => $item['id']];
  }

}

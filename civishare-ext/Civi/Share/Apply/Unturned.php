<?php
declare(strict_types = 1);

namespace Civi\Share\Apply;

/**
 * CiviCRM saves entities of a type without a hook before each of them: what was written because of which cannot be told.
 */
final class Unturned extends \RuntimeException {
}

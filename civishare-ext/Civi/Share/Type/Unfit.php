<?php
declare(strict_types = 1);

namespace Civi\Share\Type;

/**
 * A value from the wire that this site can not hold. The message is a sentence for a person.
 */
final class Unfit extends \RuntimeException {

}

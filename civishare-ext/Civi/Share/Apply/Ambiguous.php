<?php
declare(strict_types = 1);

namespace Civi\Share\Apply;

/**
 * Several entities of this site may be the one that a change is about: a person has to decide.
 */
final class Ambiguous extends \RuntimeException {

}

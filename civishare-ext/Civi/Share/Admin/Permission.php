<?php
declare(strict_types = 1);

namespace Civi\Share\Admin;

/**
 * The names of the extension's permissions. They are stored in CMS roles, so they never change.
 */
final class Permission {

  const ADMINISTER = 'administer CiviShare';
  const SEE_CHANGES = 'access CiviShare change log';

}

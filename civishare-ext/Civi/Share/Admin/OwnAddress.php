<?php
declare(strict_types = 1);

namespace Civi\Share\Admin;

use Civi\Share\Endpoint;

/**
 * What the administrator of another site has to know of this one.
 */
final class OwnAddress {

  /**
   * Where this site takes messages.
   *
   * On WordPress CiviCRM would build the URL from the page that shows its front end, which not every site has.
   */
  public static function endpoint(): string {
    if (defined('CIVICRM_UF') && CIVICRM_UF === 'WordPress') {
      return home_url('/') . '?civiwp=CiviCRM&q=' . Endpoint::PATH;
    }
    return (string) \CRM_Utils_System::url(Endpoint::PATH, NULL, TRUE, NULL, FALSE, TRUE);
  }

  /**
   * A likely identifier for this site, for the form of a new local node.
   */
  public static function suggestedIdentifier(): string {
    $parts = parse_url((string) \CRM_Utils_System::baseURL()) ?: [];
    if (empty($parts['host'])) {
      return '';
    }
    $port = isset($parts['port']) ? ':' . $parts['port'] : '';
    return $parts['scheme'] . '://' . $parts['host'] . $port . rtrim($parts['path'] ?? '', '/');
  }

}

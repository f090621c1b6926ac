<?php
declare(strict_types = 1);

namespace Civi\Share\Admin;

use CRM_Share_ExtensionUtil as E;

/**
 * Says whether this site may send to an address.
 *
 * An administrator of CiviCRM need not be one of the network around it, so private addresses are refused unless a setting lets
 * them in. Names are taken as they are: what they resolve to may be another tomorrow.
 */
final class EndpointAddress {

  const MAX_LENGTH = 2048;

  /**
   * @throws \InvalidArgumentException
   *   With a sentence for a person.
   */
  public static function check(string $url): void {
    $parts = self::parse($url);
    $host = strtolower(trim($parts['host'], '[]'));
    self::checkScheme(strtolower($parts['scheme']), $host);
    self::checkHost($host);
  }

  private static function parse(string $url): array {
    $parts = preg_match('/^[\x21-\x7e]+$/', $url) && strlen($url) <= self::MAX_LENGTH ? parse_url($url) : FALSE;
    if ($parts === FALSE || empty($parts['scheme']) || empty($parts['host'])) {
      self::refuse(E::ts('The endpoint has to be a whole URL, such as https://example.org/civicrm/ajax/civishare.'));
    }
    if (isset($parts['user']) || isset($parts['pass']) || isset($parts['fragment'])) {
      self::refuse(E::ts('The endpoint URL must not hold a user name, a password or a # part.'));
    }
    return $parts;
  }

  private static function checkScheme(string $scheme, string $host): void {
    if (!in_array($scheme, ['https', 'http'], TRUE)) {
      self::refuse(E::ts('The endpoint URL has to begin with https://.'));
    }
    if ($scheme === 'http' && !self::isLoopback($host) && !\Civi::settings()->get('civishare_allow_http')) {
      self::refuse(E::ts('The endpoint URL has to begin with https://. Over http everybody on the way could read along; the CiviShare settings can allow it.'));
    }
  }

  private static function checkHost(string $host): void {
    if (self::isLoopback($host)) {
      return;
    }
    if (preg_match('/^(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+))*$/', $host) && !filter_var($host, FILTER_VALIDATE_IP)) {
      self::refuse(E::ts('The host of the endpoint URL is neither a name nor an IP address.'));
    }
    if (self::isPrivate($host) && !\Civi::settings()->get('civishare_allow_private')) {
      self::refuse(E::ts('The endpoint is inside a private network. The CiviShare settings can allow such addresses.'));
    }
  }

  private static function isLoopback(string $host): bool {
    if ($host === 'localhost' || $host === '::1') {
      return TRUE;
    }
    return filter_var($host, FILTER_VALIDATE_IP, FILTER_FLAG_IPV4) && strncmp($host, '127.', 4) === 0;
  }

  private static function isPrivate(string $host): bool {
    $mapped = preg_replace('/^::ffff:(?=[0-9.]+$)/', '', $host);
    return filter_var($host, FILTER_VALIDATE_IP)
      && !filter_var($mapped, FILTER_VALIDATE_IP, FILTER_FLAG_NO_PRIV_RANGE | FILTER_FLAG_NO_RES_RANGE);
  }

  private static function refuse(string $sentence): void {
    throw new \InvalidArgumentException($sentence);
  }

}

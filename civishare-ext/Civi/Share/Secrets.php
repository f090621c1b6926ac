<?php
declare(strict_types = 1);

namespace Civi\Share;

use CRM_Share_ExtensionUtil as E;

/**
 * Seals the peerings' secrets before they are stored, and opens them again for signing.
 *
 * CiviCRM's own vault (crypto.token) is used where it has a real key. Otherwise the native module seals with a key drawn from
 * CIVICRM_SITE_KEY: a database dump alone then gives no secret away, the dump together with civicrm.settings.php does.
 */
final class Secrets {

  /**
   * Key tag of CiviCRM's credential vault.
   */
  const TAG = 'CRED';

  /**
   * What Core::seal() gives begins like this.
   */
  const NATIVE_PREFIX = 'csx1:';

  /**
   * Keys in base64 begin like this, as in the Standard Webhooks specification.
   */
  const KEY_PREFIX = 'whsec_';

  const MIN_KEY_BYTES = 16;

  /**
   * A new secret, to be entered on both sites.
   */
  public static function generate(): string {
    if (class_exists('CiviShare\Core')) {
      return \CiviShare\Core::newSecret();
    }
    return self::KEY_PREFIX . base64_encode(random_bytes(32));
  }

  /**
   * A secret as it was meant: without the white space around it, and without what the API's input filter has made of < and >. In a
   * key every byte counts.
   */
  public static function clean(#[\SensitiveParameter] string $secret): string {
    return trim(strtr($secret, ['&lt;' => '<', '&gt;' => '>']));
  }

  /**
   * @throws \InvalidArgumentException
   *   If a secret can not serve as a key: a sentence for a person, which quotes nothing of it.
   */
  public static function check(#[\SensitiveParameter] string $secret): void {
    $encoded = strncmp($secret, self::KEY_PREFIX, strlen(self::KEY_PREFIX)) === 0;
    $key = $encoded ? base64_decode(substr($secret, strlen(self::KEY_PREFIX)), TRUE) : $secret;
    if ($key === FALSE || ($encoded && self::KEY_PREFIX . base64_encode($key) !== $secret)) {
      throw new \InvalidArgumentException(E::ts('The secret begins with whsec_ but is cut off or misspelt after that. Copy it again.'));
    }
    if (strlen($key) < self::MIN_KEY_BYTES) {
      throw new \InvalidArgumentException(E::ts('The secret is too short: at least 16 characters are needed. Generate one instead.'));
    }
    self::checkNative($secret);
  }

  /**
   * The module that will sign has the last word.
   */
  private static function checkNative(#[\SensitiveParameter] string $secret): void {
    if (!class_exists('CiviShare\Core')) {
      return;
    }
    try {
      \CiviShare\Core::checkSecret($secret);
    }
    catch (\CiviShare\Exception $e) {
      throw new \InvalidArgumentException(E::ts('The secret can not be used as a key: %1', [1 => $e->getMessage()]));
    }
  }

  public static function seal(#[\SensitiveParameter] string $secret): string {
    if (self::vault() !== NULL) {
      return self::vault()->encrypt($secret, self::TAG);
    }
    self::needNative();
    return \CiviShare\Core::seal(self::keyMaterial(), $secret);
  }

  /**
   * @throws \RuntimeException
   *   With a sentence for a person, and nothing of the secret.
   */
  public static function unseal(#[\SensitiveParameter] string $sealed): string {
    try {
      return self::open($sealed);
    }
    catch (\Throwable $e) {
      // The cause may quote what it could not open, so it goes no further.
      throw new \RuntimeException('The secret of a CiviShare peering can not be opened. The site key or the credential keys have changed; enter the secret again.');
    }
  }

  private static function open(#[\SensitiveParameter] string $sealed): string {
    if (strncmp($sealed, self::NATIVE_PREFIX, strlen(self::NATIVE_PREFIX)) === 0) {
      self::needNative();
      return \CiviShare\Core::unseal(self::keyMaterial(), $sealed);
    }
    if (!self::hasTokenService()) {
      throw new \RuntimeException('no vault');
    }
    return \Civi::service('crypto.token')->decrypt($sealed, [self::TAG]);
  }

  /**
   * Is this stored text sealed by one or the other?
   */
  public static function isSealed(string $stored): bool {
    return strncmp($stored, self::NATIVE_PREFIX, strlen(self::NATIVE_PREFIX)) === 0
      || (self::hasTokenService() && !\Civi::service('crypto.token')->isPlainText($stored));
  }

  /**
   * Does CiviCRM's own vault seal the secrets? If not, System Status says so.
   */
  public static function usesVault(): bool {
    return self::vault() !== NULL;
  }

  /**
   * hook_civicrm_cryptoRotateKey: seals everything anew with the vault's current key, including what the fallback had sealed.
   */
  public static function rotate(string $tag, $log): void {
    if ($tag !== self::TAG || self::vault() === NULL) {
      return;
    }
    $rows = \CRM_Core_DAO::executeQuery('SELECT id, secret, secret_new FROM civicrm_share_node_peering');
    while ($rows->fetch()) {
      foreach (['secret', 'secret_new'] as $column) {
        if ((string) $rows->$column !== '') {
          self::sealAnew((int) $rows->id, $column, (string) $rows->$column, $log);
        }
      }
    }
  }

  /**
   * One secret that can not be opened must not keep the others from their new key.
   */
  private static function sealAnew(int $peering, string $column, string $sealed, $log): void {
    try {
      self::write($peering, $column, self::seal(self::unseal($sealed)));
    }
    catch (\Throwable $e) {
      $log->error('CiviShare peering {id}: {message}', ['id' => $peering, 'message' => $e->getMessage()]);
    }
  }

  /**
   * Stores a sealed secret. No DAO field leads to these columns, so that no API, export or search can read them.
   */
  public static function write(int $peering, string $column, #[\SensitiveParameter] ?string $sealed): void {
    if (!in_array($column, ['secret', 'secret_new'], TRUE)) {
      throw new \InvalidArgumentException('No such secret: ' . $column);
    }
    $value = $sealed === NULL ? 'NULL' : '%2';
    $params = [1 => [$peering, 'Integer']] + ($sealed === NULL ? [] : [2 => [$sealed, 'String']]);
    \CRM_Core_DAO::executeQuery("UPDATE civicrm_share_node_peering SET $column = $value WHERE id = %1", $params);
  }

  /**
   * The vault, if it really encrypts: without CIVICRM_CRED_KEYS it would store plain text without a word.
   */
  private static function vault(): ?object {
    if (!self::hasTokenService()) {
      return NULL;
    }
    $key = \Civi::service('crypto.registry')->findKey(self::TAG);
    return $key['suite'] === 'plain' ? NULL : \Civi::service('crypto.token');
  }

  private static function hasTokenService(): bool {
    return \Civi::container()->has('crypto.token');
  }

  private static function keyMaterial(): string {
    if (!defined('CIVICRM_SITE_KEY') || strlen((string) CIVICRM_SITE_KEY) < 8) {
      throw new \RuntimeException('CIVICRM_SITE_KEY is not set in civicrm.settings.php, so secrets can not be sealed.');
    }
    return (string) CIVICRM_SITE_KEY;
  }

  private static function needNative(): void {
    if (!class_exists('CiviShare\Core')) {
      throw new \RuntimeException('The native module "civishare" is not loaded, so secrets can not be sealed or opened.');
    }
  }

}

<?php
declare(strict_types = 1);

namespace Civi\Share;

use CRM_Share_ExtensionUtil as E;

/**
 * The change of a peering's secret, without a refused message (protocol.md, "Keys and signatures").
 *
 * Both secrets are accepted from the moment at which the new one is entered. The native module signs with the old one until the remote
 * node has answered a hello under the new one. The old one goes when that is so on both sides: ours is told by send(), theirs shows
 * in what they sign with.
 */
final class Rotation {

  /**
   * After so many days the old secret goes, whatever the remote node has done.
   */
  const DAYS = 7;

  /**
   * A hello under the new secret may have been answered without the answer getting through; the other side then signs with the old
   * one until it tries again, after 10 minutes. Minutes to wait for that.
   */
  const HELLO_MINUTES = 15;

  /**
   * Accepts a new secret from now on, besides the one in use.
   *
   * @throws \InvalidArgumentException
   *   With a sentence for a person, if the peering has no secret yet or the new one can not serve.
   */
  public static function begin(int $peering, #[\SensitiveParameter] string $secret): void {
    Secrets::check($secret);
    $held = Db::rows("SELECT secret, secret_new_ours_date FROM civicrm_share_node_peering WHERE id = $peering")[0] ?? [];
    if ((string) ($held['secret'] ?? '') === '') {
      throw new \InvalidArgumentException(E::ts('The peering has no secret yet, so there is none to change.'));
    }
    if (Secrets::unseal($held['secret']) === $secret) {
      throw new \InvalidArgumentException(E::ts('That is the secret in use. A new one is needed.'));
    }
    if ($held['secret_new_ours_date'] !== NULL) {
      throw new \InvalidArgumentException(E::ts('A change of the secret is under way, and the other site has taken the new one already. Wait for it to be over.'));
    }
    // What is noted of an earlier change would make the module sign with the new secret at once.
    Native::store()->rotate($peering);
    Secrets::write($peering, 'secret_new', Secrets::seal($secret));
    Db::run("UPDATE civicrm_share_node_peering SET secret_new_date = NOW(), secret_new_ours_date = NULL, secret_new_theirs_date = NULL WHERE id = $peering");
    Peering::flush();
  }

  /**
   * Forgets the new secret: somebody has entered one that is valid at once.
   */
  public static function cancel(int $peering): void {
    $cancelled = Db::run("UPDATE civicrm_share_node_peering SET secret_new = NULL, secret_new_date = NULL, secret_new_ours_date = NULL,
      secret_new_theirs_date = NULL WHERE id = $peering AND secret_new IS NOT NULL");
    if ($cancelled > 0) {
      Native::store()->rotate($peering);
    }
  }

  /**
   * The remote node has answered under the new secret.
   */
  public static function ours(int $peering): void {
    Db::run("UPDATE civicrm_share_node_peering SET secret_new_ours_date = NOW()
      WHERE id = $peering AND secret_new IS NOT NULL AND secret_new_ours_date IS NULL");
    self::finish();
  }

  /**
   * The remote node has used the new secret. A message under it shows that our answer to its hello got through; a hello does not, and
   * each one begins the waiting anew.
   */
  public static function theirs(int $peering, string $service): void {
    $isHello = $service === 'hello';
    $date = $isHello ? 'NOW()' : 'DATE_SUB(NOW(), INTERVAL ' . self::HELLO_MINUTES . ' MINUTE)';
    $unless = $isHello ? '' : 'AND COALESCE(secret_new_theirs_date > ' . $date . ', TRUE)';
    if (Db::run("UPDATE civicrm_share_node_peering SET secret_new_theirs_date = $date WHERE id = $peering AND secret_new IS NOT NULL $unless") > 0) {
      if (Db::value("SELECT secret_new_ours_date FROM civicrm_share_node_peering WHERE id = $peering") === NULL) {
        // The other site has it now: our next hello need not wait for its turn.
        Native::store()->rotate($peering);
      }
      self::finish();
    }
  }

  /**
   * The new secret takes the old one's place wherever both sides have it, or the time is over.
   */
  public static function finish(): void {
    $finished = Db::run('UPDATE civicrm_share_node_peering SET secret = secret_new, secret_date = NOW(), secret_new = NULL,
      secret_new_date = NULL, secret_new_ours_date = NULL, secret_new_theirs_date = NULL
      WHERE secret_new IS NOT NULL AND (
        (secret_new_ours_date IS NOT NULL AND secret_new_theirs_date <= DATE_SUB(NOW(), INTERVAL ' . self::HELLO_MINUTES . ' MINUTE))
        OR secret_new_date < DATE_SUB(NOW(), INTERVAL ' . self::DAYS . ' DAY))');
    if ($finished > 0) {
      Peering::flush();
    }
  }

  /**
   * How far the change of a peering's secret is, a sentence for a person.
   *
   * @param array $peering
   *   As API v4 gives it.
   */
  public static function sentence(array $peering): string {
    if (empty($peering['secret_new_date'])) {
      return '';
    }
    if (empty($peering['secret_new_ours_date'])) {
      return E::ts('The secret is being changed: the other site does not know the new one yet. Enter it there within %1 days.', [1 => self::DAYS]);
    }
    return E::ts('The secret is being changed: the other site has the new one. The old one goes once it is no longer used there.');
  }

}

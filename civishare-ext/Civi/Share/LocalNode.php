<?php
declare(strict_types = 1);

namespace Civi\Share;

/**
 * This site's own name in the network.
 */
final class LocalNode {

  /**
   * Identifier of the enabled local node, NULL while there is none.
   */
  public static function identifier(): ?string {
    return self::row()['identifier'] ?? NULL;
  }

  public static function id(): ?int {
    $id = self::row()['id'] ?? NULL;
    return $id === NULL ? NULL : (int) $id;
  }

  /**
   * Forgets what was read: a node has been written.
   */
  public static function flush(): void {
    unset(\Civi::$statics[__CLASS__]);
  }

  private static function row(): array {
    if (!isset(\Civi::$statics[__CLASS__])) {
      $dao = \CRM_Core_DAO::executeQuery('SELECT id, identifier FROM civicrm_share_node WHERE is_local = 1 AND is_enabled = 1 ORDER BY id LIMIT 1');
      \Civi::$statics[__CLASS__] = $dao->fetch() ? ['id' => $dao->id, 'identifier' => $dao->identifier] : [];
    }
    return \Civi::$statics[__CLASS__];
  }

}

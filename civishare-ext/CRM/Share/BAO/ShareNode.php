<?php

use Civi\Share\LocalNode;
use Civi\Share\Native;
use Civi\Share\Peering;
use CRM_Share_ExtensionUtil as E;

/**
 * Writes nodes. What a node may be is checked here, for the API and the forms alike.
 */
class CRM_Share_BAO_ShareNode extends CRM_Share_DAO_ShareNode {

  const MAX_IDENTIFIER_BYTES = 255;

  /**
   * @param array $params
   *
   * @return CRM_Share_DAO_ShareNode
   *
   * @throws CRM_Core_Exception
   */
  public static function create($params) {
    $held = empty($params['id']) ? [] : self::held((int) $params['id']);
    self::checkValues($params, $held);
    $node = self::writeRecord($params);
    self::flush();
    return $node;
  }

  /**
   * Would create() refuse these values? Forms ask before they write.
   *
   * @return string|null
   *   The reason, a sentence for a person.
   */
  public static function refusal(array $params): ?string {
    try {
      self::checkValues($params, empty($params['id']) ? [] : self::held((int) $params['id']));
      return NULL;
    }
    catch (CRM_Core_Exception $e) {
      return $e->getMessage();
    }
  }

  /**
   * @param int $id
   *
   * @throws CRM_Core_Exception
   */
  public static function del($id): bool {
    $peerings = CRM_Core_DAO::singleValueQuery(
      'SELECT COUNT(*) FROM civicrm_share_node_peering WHERE local_node_id = %1 OR remote_node_id = %1',
      [1 => [$id, 'Positive']]
    );
    if ($peerings) {
      throw new CRM_Core_Exception(E::ts('This node still has a peering. Delete the peering first.'));
    }
    self::deleteRecord(['id' => $id]);
    self::flush();
    return TRUE;
  }

  /**
   * What others must know of a node is fixed once it has peerings: over there it is known under this identifier.
   */
  private static function checkValues(array &$params, array $held): void {
    foreach (['name', 'identifier'] as $field) {
      if (array_key_exists($field, $params)) {
        $params[$field] = trim((string) $params[$field]);
      }
    }
    $node = $params + $held + ['name' => '', 'identifier' => '', 'is_local' => 0];
    if (in_array($node['name'], ['', 'null'], TRUE)) {
      throw new CRM_Core_Exception(E::ts('A node needs a name.'));
    }
    self::checkIdentifier((string) $node['identifier']);
    self::checkUnique((string) $node['identifier'], (int) ($held['id'] ?? 0));
    if ($node['is_local']) {
      self::checkOnlyLocal((int) ($held['id'] ?? 0));
    }
    self::checkUnmoved($params, $held);
  }

  private static function checkIdentifier(string $identifier): void {
    if (!preg_match('#^[a-z][a-z0-9+.-]*://[\x21-\x7e]+$#i', $identifier) || preg_match('/[<>"]/', $identifier)) {
      throw new CRM_Core_Exception(E::ts('The identifier has to look like a URL, in ASCII characters and without spaces, such as https://example.org.'));
    }
    if (strlen($identifier) > self::MAX_IDENTIFIER_BYTES) {
      throw new CRM_Core_Exception(E::ts('The identifier is longer than 255 characters.'));
    }
  }

  private static function checkUnique(string $identifier, int $except): void {
    $taken = CRM_Core_DAO::singleValueQuery(
      'SELECT id FROM civicrm_share_node WHERE identifier = %1 AND id <> %2',
      [1 => [$identifier, 'String'], 2 => [$except, 'Integer']]
    );
    if ($taken) {
      throw new CRM_Core_Exception(E::ts('There is a node with this identifier already.'));
    }
  }

  private static function checkOnlyLocal(int $except): void {
    $other = CRM_Core_DAO::singleValueQuery(
      'SELECT id FROM civicrm_share_node WHERE is_local = 1 AND id <> %1',
      [1 => [$except, 'Integer']]
    );
    if ($other) {
      throw new CRM_Core_Exception(E::ts('This site has a local node already.'));
    }
  }

  private static function checkUnmoved(array $params, array $held): void {
    $moved = FALSE;
    foreach (['identifier', 'is_local'] as $field) {
      $moved = $moved || ($held !== [] && array_key_exists($field, $params) && (string) (is_bool($params[$field]) ? (int) $params[$field] : $params[$field]) !== (string) $held[$field]);
    }
    if ($moved && self::hasPeerings((int) $held['id'])) {
      throw new CRM_Core_Exception(E::ts('The node has peerings, so it keeps its identifier: the other sites know it by this name.'));
    }
  }

  private static function hasPeerings(int $id): bool {
    return (bool) CRM_Core_DAO::singleValueQuery(
      'SELECT 1 FROM civicrm_share_node_peering WHERE local_node_id = %1 OR remote_node_id = %1 LIMIT 1',
      [1 => [$id, 'Integer']]
    );
  }

  private static function held(int $id): array {
    $dao = CRM_Core_DAO::executeQuery('SELECT id, name, identifier, is_local FROM civicrm_share_node WHERE id = %1', [1 => [$id, 'Integer']]);
    if (!$dao->fetch()) {
      throw new CRM_Core_Exception(E::ts('There is no such node.'));
    }
    return ['id' => $dao->id, 'name' => $dao->name, 'identifier' => $dao->identifier, 'is_local' => $dao->is_local];
  }

  private static function flush(): void {
    LocalNode::flush();
    Peering::flush();
    Native::reset();
  }

}

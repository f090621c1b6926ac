<?php

use Civi\Share\Admin\EndpointAddress;
use Civi\Share\Filter\Check as FilterCheck;
use Civi\Share\Filter\Filter;
use Civi\Share\Filter\Sweep;
use Civi\Share\Native;
use Civi\Share\Peering;
use Civi\Share\PeeringOptions;
use Civi\Share\Resync\Resync;
use Civi\Share\Rotation;
use Civi\Share\Secrets;
use Civi\Share\Shape\Check;
use Civi\Share\TypeList;
use CRM_Share_ExtensionUtil as E;

/**
 * Writes peerings. What a peering may be is checked here, for the API and the forms alike.
 */
class CRM_Share_BAO_ShareNodePeering extends CRM_Share_DAO_ShareNodePeering {

  /**
   * @return string[]
   */
  public static function conflictRules(): array {
    return [
      'latest' => E::ts('Latest wins'),
      'ours' => E::ts('Ours wins'),
      'theirs' => E::ts('Theirs wins'),
      'ask' => E::ts('Ask a person'),
    ];
  }

  /**
   * @return string[]
   */
  public static function deliveries(): array {
    return [
      'aggregate' => E::ts('With the next job'),
      'immediate' => E::ts('At the end of the request'),
    ];
  }

  /**
   * The secret is taken out before any hook or log can see it, and stored by a way of its own.
   *
   * @param array $params
   *
   * @return CRM_Share_DAO_ShareNodePeering
   *
   * @throws CRM_Core_Exception
   */
  public static function create($params) {
    $isNew = empty($params['id']);
    $held = $isNew ? [] : self::held((int) $params['id']);
    $sealed = self::takeSecret($params);
    self::checkValues($params, $held);
    $transaction = new CRM_Core_Transaction();
    try {
      $peering = self::writeRecord(self::withDates($params, $sealed));
      if ($sealed !== NULL) {
        Secrets::write((int) $peering->id, 'secret', $sealed);
        Rotation::cancel((int) $peering->id);
      }
    }
    catch (\Throwable $e) {
      $transaction->rollback();
      throw $e;
    }
    $transaction->commit();
    Peering::flush();
    // Whoever has just corrected an address or a secret need not wait for the next attempt of the schedule.
    self::tellStore($isNew ? 'begin' : 'resume', (int) $peering->id);
    return $peering;
  }

  /**
   * Would create() refuse these values? Forms ask before they write.
   *
   * @return string|null
   *   The reason, a sentence for a person.
   */
  public static function refusal(array $params): ?string {
    try {
      self::takeSecret($params);
      self::checkValues($params, empty($params['id']) ? [] : self::held((int) $params['id']));
      return NULL;
    }
    catch (CRM_Core_Exception $e) {
      return $e->getMessage();
    }
  }

  /**
   * @param int $id
   */
  public static function del($id): bool {
    self::deleteRecord(['id' => $id]);
    foreach (['civicrm_share_conflict', 'civicrm_share_missing', 'civicrm_share_pair'] as $table) {
      CRM_Core_DAO::executeQuery("DELETE FROM $table WHERE peering_id = %1", [1 => [$id, 'Integer']]);
    }
    Resync::cancel((int) $id);
    Sweep::cancel((int) $id);
    Peering::flush();
    self::tellStore('forget', (int) $id);
    return TRUE;
  }

  /**
   * Stops a peering for good. Its key is kept, so that the remote node can be told.
   */
  public static function end(int $id): void {
    self::held($id);
    self::writeRecord(['id' => $id, 'is_enabled' => 0, 'ended_date' => date('YmdHis')]);
    Peering::flush();
  }

  /**
   * Lets a peering that fails or was stopped be tried with the next job.
   */
  public static function resume(int $id): void {
    self::held($id);
    self::tellStore('resume', $id);
  }

  /**
   * @return string|null
   *   The sealed secret; NULL if none was given, which leaves the one that is held.
   */
  private static function takeSecret(array &$params): ?string {
    $secret = Secrets::clean((string) ($params['secret'] ?? ''));
    foreach (array_keys($params) as $field) {
      if (strncmp((string) $field, 'secret', 6) === 0) {
        unset($params[$field]);
      }
    }
    if ($secret === '' || $secret === 'null') {
      return NULL;
    }
    try {
      Secrets::check($secret);
      return Secrets::seal($secret);
    }
    catch (\Throwable $e) {
      throw new CRM_Core_Exception($e->getMessage());
    }
  }

  private static function withDates(array $params, ?string $sealed): array {
    if ($sealed !== NULL) {
      $params['secret_date'] = date('YmdHis');
    }
    if (empty($params['id'])) {
      $params['created_date'] = date('YmdHis');
    }
    return $params;
  }

  private static function checkValues(array &$params, array $held): void {
    try {
      self::checkNodes($params, $held);
      self::checkAddress($params);
      self::checkChoice($params, 'conflict_rule', self::conflictRules());
      self::checkChoice($params, 'delivery', self::deliveries());
      foreach (['types_out', 'types_in'] as $field) {
        if (array_key_exists($field, $params)) {
          $params[$field] = TypeList::toList($params[$field]);
          self::checkTypes($field, $params[$field]);
        }
      }
      self::checkWords($params, $held);
    }
    catch (\InvalidArgumentException $e) {
      throw new CRM_Core_Exception($e->getMessage());
    }
  }

  /**
   * Both directions are looked at together, whichever is written.
   */
  private static function checkWords(array &$params, array $held): void {
    if (array_key_exists('types_out', $params) || array_key_exists('types_in', $params)) {
      Check::entries(self::types('types_out', $params, $held), self::types('types_in', $params, $held));
    }
    if (array_key_exists('options', $params)) {
      $bothWays = array_intersect_key(self::types('types_out', $params, $held), self::types('types_in', $params, $held)) !== [];
      $params['options'] = PeeringOptions::check($params['options'], $bothWays);
    }
  }

  private static function types(string $field, array $params, array $held): array {
    return TypeList::toEntries(($params + $held)[$field] ?? NULL);
  }

  /**
   * @param array[] $entries
   */
  private static function checkTypes(string $field, array $entries): void {
    foreach ($entries as $entry) {
      $filter = Filter::fromEntry($entry);
      if ($filter !== NULL && $field === 'types_in') {
        throw new \InvalidArgumentException(E::ts('%1: only what goes out can be filtered. Ask the other site to filter what it sends.', [1 => $entry['type']]));
      }
      if ($filter !== NULL) {
        FilterCheck::filter($entry['type'], $filter);
      }
    }
  }

  private static function checkNodes(array &$params, array $held): void {
    if ($held === [] && empty($params['local_node_id'])) {
      $params['local_node_id'] = \Civi\Share\LocalNode::id();
    }
    $nodes = $params + $held;
    self::checkNode((int) ($nodes['local_node_id'] ?? 0), 1, E::ts('This site has no local node yet. Create it first.'));
    self::checkNode((int) ($nodes['remote_node_id'] ?? 0), 0, E::ts('A peering needs a remote node.'));
    foreach (['local_node_id', 'remote_node_id'] as $field) {
      if ($held !== [] && (int) $nodes[$field] !== (int) $held[$field]) {
        throw new \InvalidArgumentException(E::ts('The nodes of a peering do not change. Create a new peering.'));
      }
    }
    if ($held === [] && self::exists((int) $nodes['local_node_id'], (int) $nodes['remote_node_id'])) {
      throw new \InvalidArgumentException(E::ts('There is a peering with this node already.'));
    }
  }

  private static function checkNode(int $id, int $isLocal, string $sentence): void {
    $found = CRM_Core_DAO::singleValueQuery(
      'SELECT id FROM civicrm_share_node WHERE id = %1 AND is_local = %2',
      [1 => [$id, 'Integer'], 2 => [$isLocal, 'Integer']]
    );
    if (!$found) {
      throw new \InvalidArgumentException($sentence);
    }
  }

  private static function exists(int $local, int $remote): bool {
    return (bool) CRM_Core_DAO::singleValueQuery(
      'SELECT id FROM civicrm_share_node_peering WHERE local_node_id = %1 AND remote_node_id = %2',
      [1 => [$local, 'Integer'], 2 => [$remote, 'Integer']]
    );
  }

  /**
   * A peering without an address is fine: it only receives, until somebody enters one.
   */
  private static function checkAddress(array &$params): void {
    $url = trim((string) ($params['endpoint_url'] ?? ''));
    if ($url === '' || $url === 'null') {
      return;
    }
    EndpointAddress::check($url);
    $params['endpoint_url'] = $url;
  }

  private static function checkChoice(array $params, string $field, array $choices): void {
    if (array_key_exists($field, $params) && !isset($choices[(string) $params[$field]])) {
      throw new \InvalidArgumentException(E::ts('%1 is not one of: %2.', [1 => $field, 2 => implode(', ', array_keys($choices))]));
    }
  }

  private static function held(int $id): array {
    $dao = CRM_Core_DAO::executeQuery('SELECT id, local_node_id, remote_node_id, types_out, types_in FROM civicrm_share_node_peering WHERE id = %1', [1 => [$id, 'Integer']]);
    if (!$dao->fetch()) {
      throw new CRM_Core_Exception(E::ts('There is no such peering.'));
    }
    return [
      'id' => $dao->id,
      'local_node_id' => $dao->local_node_id,
      'remote_node_id' => $dao->remote_node_id,
      'types_out' => $dao->types_out,
      'types_in' => $dao->types_in,
    ];
  }

  /**
   * A store that can not be reached must not keep an administrator from working; System Status shows its error.
   */
  private static function tellStore(string $what, int $peering): void {
    try {
      $store = Native::store();
      if ($store !== NULL) {
        $store->$what($peering);
      }
    }
    catch (\Throwable $e) {
      \Civi::log()->error('CiviShare peering {id}, {what}: {message}', ['id' => $peering, 'what' => $what, 'message' => $e->getMessage()]);
    }
  }

}

<?php

use CRM_Share_ExtensionUtil as E;

/**
 * Brings the extension's tables, triggers and settings into a site and takes them away again.
 *
 * CiviCRM 5.33 ships no base class for this, so the few steps are written out. A later change of the schema is a method
 * upgrade_NNNN() here, with the same change made in sql/install.sql; a new site starts at the highest number.
 */
final class CRM_Share_Upgrader {

  /**
   * The schema that sql/install.sql made in the first release.
   */
  const FIRST_REVISION = 1000;

  public static function instance(): self {
    return new self();
  }

  public function install(): void {
    CRM_Utils_File::sourceSQLFile(CIVICRM_DSN, E::path('sql/install.sql'));
    $this->nameInstance();
  }

  public function postInstall(): void {
    CRM_Core_BAO_Extension::setSchemaVersion(E::LONG_NAME, $this->latest());
  }

  /**
   * The triggers themselves come with the rebuild that CiviCRM does after enabling. The jobs went off with the extension; CiviCRM
   * would turn them on again only if it also reset what an administrator has changed about them at every rebuild.
   */
  public function enable(): void {
    \Civi\Share\Journal\Triggers::arm();
    CRM_Core_DAO::executeQuery("UPDATE civicrm_job SET is_active = 1 WHERE api_action IN ('civishare_send', 'civishare_process')");
  }

  /**
   * Nothing may be left in the database that a save could stumble over.
   */
  public function disable(): void {
    \Civi\Share\Journal\Triggers::drop();
  }

  public function uninstall(): void {
    \Civi\Share\Journal\Triggers::drop();
    CRM_Utils_File::sourceSQLFile(CIVICRM_DSN, E::path('sql/uninstall.sql'));
    CRM_Core_DAO::executeQuery('DELETE FROM civicrm_setting WHERE name LIKE %1', [1 => ['civishare\_%', 'String']]);
    \Civi\Share\StorePath::remove();
  }

  /**
   * @param string $op
   *   'check' or 'enqueue', as hook_civicrm_upgrade says.
   * @param CRM_Queue_Queue|null $queue
   *
   * @return array|null
   */
  public function upgrade($op, ?CRM_Queue_Queue $queue) {
    $pending = $this->pending();
    if ($op === 'check') {
      return [$pending !== []];
    }
    foreach ($pending as $revision) {
      $title = E::ts('CiviShare: upgrade to revision %1', [1 => $revision]);
      $queue->createItem(new CRM_Queue_Task([__CLASS__, 'step'], [$revision], $title));
    }
    return NULL;
  }

  /**
   * One step of the upgrade queue.
   */
  public static function step(CRM_Queue_TaskContext $context, int $revision): bool {
    self::instance()->{'upgrade_' . $revision}();
    CRM_Core_BAO_Extension::setSchemaVersion(E::LONG_NAME, $revision);
    return TRUE;
  }

  /**
   * Tables that came later: those that are there stay as they are.
   */
  public function upgrade_1001(): void {
    CRM_Utils_File::sourceSQLFile(CIVICRM_DSN, E::path('sql/install.sql'));
  }

  public function upgrade_1004(): void {
    if (!CRM_Core_BAO_SchemaHandler::checkIfFieldExists('civicrm_share_missing', 'since_ms', FALSE)) {
      CRM_Core_DAO::executeQuery('ALTER TABLE civicrm_share_missing ADD COLUMN since_ms bigint unsigned NOT NULL DEFAULT 0');
      CRM_Core_DAO::executeQuery('UPDATE civicrm_share_missing SET since_ms = %1', [1 => [time() * 1000, 'Integer']]);
    }
  }

  public function upgrade_1005(): void {
    $this->upgrade_1001();
  }

  public function upgrade_1006(): void {
    $this->upgrade_1001();
  }

  /**
   * @return int[]
   */
  private function pending(): array {
    $current = (int) CRM_Core_BAO_Extension::getSchemaVersion(E::LONG_NAME);
    return array_values(array_filter($this->revisions(), function (int $revision) use ($current): bool {
      return $revision > $current;
    }));
  }

  /**
   * @return int[]
   */
  private function revisions(): array {
    $revisions = [];
    foreach (get_class_methods($this) as $method) {
      if (preg_match('/^upgrade_(\d+)$/', $method, $match)) {
        $revisions[] = (int) $match[1];
      }
    }
    sort($revisions);
    return $revisions;
  }

  private function latest(): int {
    return max([self::FIRST_REVISION, ...$this->revisions()]);
  }

  /**
   * Gives this database a UUID of its own, once.
   */
  private function nameInstance(): void {
    CRM_Core_DAO::executeQuery(
      "INSERT IGNORE INTO civicrm_share_instance (name, value) VALUES ('instance', %1)",
      [1 => [self::uuid(), 'String']]
    );
  }

  /**
   * A random UUID; the native module, which could make one too, may not be there yet.
   */
  private static function uuid(): string {
    $bytes = random_bytes(16);
    $bytes[6] = chr(ord($bytes[6]) & 0x0f | 0x40);
    $bytes[8] = chr(ord($bytes[8]) & 0x3f | 0x80);
    return vsprintf('%s%s-%s-%s-%s-%s%s%s', str_split(bin2hex($bytes), 4));
  }

}

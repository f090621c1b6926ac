<?php
declare(strict_types = 1);

namespace Civi\Share\Apply;

use Civi\Share\Db;
use Civi\Share\Type\ChangeType;
use Civi\Share\Type\Files;
use Civi\Share\Type\Unfit;

/**
 * Writes files: the content into CiviCRM's private folder, under a name that CiviCRM makes (it keeps dangerous endings away), and the
 * row that names it.
 */
final class FileWriter implements Writes {

  private readonly DaoWriter $rows;

  public function __construct(ChangeType $type) {
    $this->rows = new DaoWriter($type);
  }

  public function create(array $values): int {
    [$name, $content] = $this->file($values);
    return $this->rows->create(['uri' => $this->keep($name, $content)] + $values);
  }

  public function update(int $id, array $values): void {
    if (array_key_exists('uri', $values)) {
      $before = self::uri($id);
      [$name, $content] = $this->file($values);
      if ($content === NULL) {
        // The peer does not tell what is in it any more; what is here stays.
        unset($values['uri']);
      }
      else {
        $values['uri'] = $this->keep($name, $content);
        $this->tidyLater($before);
      }
    }
    if ($values !== []) {
      $this->rows->update($id, $values);
    }
  }

  public function delete(int $id): void {
    $before = self::uri($id);
    \CRM_Core_DAO::executeQuery('DELETE FROM civicrm_entity_file WHERE file_id = ' . $id);
    $this->rows->delete($id);
    $this->tidyLater($before);
  }

  /**
   * Removes a file that no row names: whether the transaction was committed or rolled back. Public for
   * CRM_Core_Transaction::addCallback().
   */
  public static function tidy(string $uri): void {
    $path = Files::path($uri);
    if ($path !== NULL && is_file($path) && Db::value('SELECT 1 FROM civicrm_file WHERE uri = ' . Db::quote($uri) . ' LIMIT 1') === NULL) {
      @unlink($path);
    }
  }

  /**
   * @return array
   *   [name, content or NULL]
   */
  private function file(array $values): array {
    $file = Files::fromWire((string) ($values['uri'] ?? ''));
    if ($file === NULL) {
      throw new Unfit('uri could not be taken: it is neither a file nor the name of one.');
    }
    return $file;
  }

  private function keep(string $name, ?string $content): string {
    $uri = \CRM_Utils_File::makeFileName($name);
    $path = Files::path($uri);
    if ($content !== NULL) {
      if ($path === NULL || @file_put_contents($path, $content) !== strlen($content)) {
        throw new \RuntimeException('The folder for files of CiviCRM can not be written to.');
      }
      $this->tidyLater($uri);
    }
    return $uri;
  }

  private function tidyLater(string $uri): void {
    if ($uri !== '' && \CRM_Core_Transaction::isActive()) {
      foreach ([\CRM_Core_Transaction::PHASE_POST_COMMIT, \CRM_Core_Transaction::PHASE_POST_ROLLBACK] as $phase) {
        \CRM_Core_Transaction::addCallback($phase, [self::class, 'tidy'], [$uri]);
      }
    }
  }

  private static function uri(int $id): string {
    return (string) Db::value("SELECT uri FROM civicrm_file WHERE id = $id");
  }

}

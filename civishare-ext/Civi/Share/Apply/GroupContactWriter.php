<?php
declare(strict_types = 1);

namespace Civi\Share\Apply;

use Civi\Share\Db;
use Civi\Share\Type\ChangeType;

/**
 * Writes who is in a group, and the history of it. The APIs of 5.33 write over another row of the history when they change one; later
 * releases write the history themselves, at every save.
 */
final class GroupContactWriter implements Writes {

  private readonly DaoWriter $rows;

  public function __construct(ChangeType $type) {
    $this->rows = new DaoWriter($type);
  }

  public function create(array $values): int {
    $id = $this->rows->create($values);
    $this->remember($id);
    return $id;
  }

  public function update(int $id, array $values): void {
    $this->rows->update($id, $values);
    if (array_key_exists('status', $values)) {
      $this->remember($id);
    }
  }

  public function delete(int $id): void {
    $this->rows->delete($id);
  }

  private function remember(int $id): void {
    if (method_exists(\CRM_Contact_BAO_GroupContact::class, 'self_hook_civicrm_post')) {
      return;
    }
    $row = Db::rows("SELECT group_id, contact_id, status FROM civicrm_group_contact WHERE id = $id")[0] ?? NULL;
    if ($row !== NULL) {
      \CRM_Contact_DAO_SubscriptionHistory::writeRecord(['method' => 'API', 'date' => date('YmdHis')] + $row);
    }
  }

}

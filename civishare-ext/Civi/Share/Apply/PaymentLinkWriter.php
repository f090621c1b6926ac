<?php
declare(strict_types = 1);

namespace Civi\Share\Apply;

use Civi\Share\Type\ChangeType;

/**
 * Writes which contribution paid for what: by version 3 of the API, which tells the contribution's lines as well. Not deleted by it:
 * it can not delete the one, and takes the contribution along with the other.
 */
final class PaymentLinkWriter implements Writes {

  public function __construct(private readonly ChangeType $type) {
  }

  public function create(array $values): int {
    return (int) civicrm_api3($this->type->entity, 'create', $values + ['check_permissions' => 0])['id'];
  }

  public function update(int $id, array $values): void {
    civicrm_api3($this->type->entity, 'create', ['id' => $id, 'check_permissions' => 0] + $values);
  }

  public function delete(int $id): void {
    (new DaoWriter($this->type))->delete($id);
  }

}

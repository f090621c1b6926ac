<?php
declare(strict_types = 1);

namespace Civi\Share\Settle;

use Civi\Share\Type\ChangeType;

/**
 * The open journal rows of one entity.
 */
final class Group {

  public readonly string $entity;

  public bool $created = FALSE;

  public bool $deleted = FALSE;

  /**
   * @var array<int, array>
   *   Absorbed contact => the row of the merge, as Core::settle() takes it.
   */
  public array $merges = [];

  /**
   * @var array[]
   *   As Core::settle() takes them.
   */
  public array $rows = [];

  /**
   * @var int[]
   *   Ids of all of them.
   */
  public array $ids = [];

  /**
   * The row of civicrm_share_entity, NULL while there is none.
   */
  public ?array $kept;

  /**
   * Has it been read what the entity holds now?
   */
  public bool $read = FALSE;

  private array $names = [];

  /**
   * @param bool $derived
   *   Not a person's edit, but what applying a change brought about.
   */
  public function __construct(public readonly ChangeType $type, public readonly int $id, ?array $kept, private readonly bool $derived = FALSE) {
    $this->entity = $type->entity;
    $this->kept = $kept;
  }

  /**
   * Where its edits stand among those of the batch: what is referred to is inserted first and deleted last. Merges stand where
   * their rows do.
   */
  public function order(): int {
    $ids = array_column($this->rows, 'id');
    return $ids === [] ? 0 : ($this->deleted ? max($ids) : min($ids));
  }

  public function add(ChangeType $type, array $row): void {
    $this->ids[] = (int) $row['id'];
    $fact = ['id' => (int) $row['id'], 'time' => (int) $row['time_ms'], 'attributes' => []];
    switch ($row['operation']) {
      case 'M':
        $this->merges[(int) $row['columns']] = $fact;
        return;

      case 'I':
        $this->created = TRUE;
        break;

      case 'D':
        $this->deleted = TRUE;
        break;

      default:
        $fact['attributes'] = $this->touched($type, $row);
    }
    $this->rows[] = $fact;
  }

  /**
   * The core's text, NULL while the entity has none.
   */
  public function state(): ?string {
    return $this->kept['state'] ?? NULL;
  }

  /**
   * Attributes that any row touched.
   *
   * @return array<string, bool>
   */
  public function names(): array {
    return $this->names;
  }

  /**
   * @return string[]
   */
  private function touched(ChangeType $type, array $row): array {
    $touched = [];
    $attributes = $type->columns($row['table_name']);
    foreach (explode(',', (string) $row['columns']) as $column) {
      if (isset($attributes[$column]) && !($this->derived && $attributes[$column]->follows)) {
        $touched[] = $attributes[$column]->name;
        $this->names[$attributes[$column]->name] = TRUE;
      }
    }
    return $touched;
  }

}

<?php
declare(strict_types = 1);

namespace Civi\Share\Apply;

use Civi\Share\Type\Attribute;
use Civi\Share\Type\ChangeType;
use Civi\Share\Type\References;
use Civi\Share\Type\Registry;

/**
 * The references in what is to be written: which of them have arrived here, and which have not.
 */
final class Links {

  /**
   * @var array<string, int|int[]|null>
   *   Attribute => what it refers to here, of lists what has arrived.
   */
  public readonly array $ids;

  /**
   * @var array<string, string[]>
   *   Attribute => UIDs that are not known here.
   */
  public readonly array $missing;

  /**
   * @var string[]
   *   Attributes whose target was here and is deleted, or is no such entity as it should be.
   */
  public readonly array $gone;

  /**
   * @param array<string, mixed> $wire
   *   Values as received.
   */
  public function __construct(private readonly ChangeType $type, private readonly array $wire) {
    $ids = $missing = $gone = [];
    $references = $type->referencesAmong(array_keys($wire));
    $found = References::find(array_merge([], ...array_map(function (string $name) use ($wire): array {
      return self::uids($wire[$name]);
    }, array_keys($references))));
    foreach ($references as $name => $attribute) {
      $ids[$name] = $attribute->multiple ? [] : NULL;
      if ($attribute->zero && $wire[$name] === References::ALL) {
        $ids[$name] = 0;
        continue;
      }
      foreach (self::uids($wire[$name]) as $uid) {
        $target = $found[$uid] ?? NULL;
        if ($target === NULL) {
          $missing[$name][] = $uid;
        }
        elseif ($target['id'] === NULL || !self::fits($attribute, $target['entity'], $wire)) {
          $gone[] = $name;
        }
        elseif ($attribute->multiple) {
          $ids[$name][] = $target['id'];
        }
        else {
          $ids[$name] = $target['id'];
        }
      }
    }
    $this->ids = $ids;
    $this->missing = $missing;
    $this->gone = $gone;
  }

  /**
   * @return string[]
   *   UIDs without which the row can not be.
   */
  public function missingRequired(): array {
    $uids = [];
    foreach ($this->missing as $name => $missing) {
      if ($this->type->attribute($name)->required) {
        $uids = array_merge($uids, $missing);
      }
    }
    return $uids;
  }

  /**
   * All that has not arrived.
   *
   * @return array<string, string|null>
   *   UID => the entity that it has to be, as far as that is known.
   */
  public function wanted(): array {
    $wanted = [];
    foreach ($this->missing as $name => $uids) {
      $attribute = $this->type->attribute($name);
      $by = $attribute->by === NULL ? NULL : $this->wire[$attribute->by] ?? NULL;
      $entity = $attribute->refers ?? ($attribute->targets === NULL && is_string($by) ? Registry::entityOf($by) : NULL);
      $wanted += array_fill_keys($uids, $entity);
    }
    return $wanted;
  }

  /**
   * Is something gone without which the row can not be?
   */
  public function lacksRequired(): bool {
    foreach ($this->type->references() as $name => $attribute) {
      $needed = $attribute->required && !$attribute->refersToNothing($this->wire + [$attribute->by => NULL]);
      if ($needed && ($this->ids[$name] ?? NULL) === NULL && !isset($this->missing[$name])) {
        return TRUE;
      }
    }
    return FALSE;
  }

  /**
   * Would it link somebody with himself who are two over there? They have become one here meanwhile, and CiviCRM drops such a row when it
   * merges.
   */
  public function isWithItself(): bool {
    $ids = array_filter(array_intersect_key($this->ids, array_flip($this->type->distinct)));
    $told = array_intersect_key($this->wire, $ids);
    return count($ids) > count(array_unique($ids)) && count($told) === count(array_unique($told));
  }

  /**
   * Is it to be written now? A single reference that waits leaves what stands there; of a list goes in what has arrived.
   */
  public function isWritten(Attribute $attribute): bool {
    return $attribute->multiple || (!isset($this->missing[$attribute->name]) && !in_array($attribute->name, $this->gone, TRUE));
  }

  /**
   * Remembers what waits of an entity, and that the others no longer do.
   *
   * @param array<string, mixed> $wire
   */
  public function remember(int $id, array $wire): void {
    foreach ($this->missing as $name => $uids) {
      Waiting::put($this->type->entity, $id, $name, $uids, $wire[$name]);
    }
    Waiting::forget($this->type->entity, $id, array_keys(array_diff_key($this->ids, $this->missing)));
  }

  /**
   * @return string[]
   */
  private static function uids($value): array {
    return array_values(array_filter(is_array($value) ? $value : [$value], 'is_string'));
  }

  private static function fits(Attribute $attribute, string $entity, array $wire): bool {
    if ($attribute->refers !== NULL) {
      return $attribute->refers === $entity;
    }
    if ($attribute->targets !== NULL) {
      return in_array($entity, $attribute->targets, TRUE);
    }
    return !isset($wire[$attribute->by]) || Registry::entityOf((string) $wire[$attribute->by]) === $entity;
  }

}

<?php
declare(strict_types = 1);

namespace Civi\Share\Filter;

use Civi\Share\Db;
use Civi\Share\Peering;
use Civi\Share\Type\Attribute;
use Civi\Share\Type\ChangeType;
use Civi\Share\Type\References;
use Civi\Share\Type\Registry;

/**
 * Says where entities may go, many at once. One gate serves one batch: it remembers what it has found out.
 *
 * What has to follow another entity goes only where that one goes. So nothing of a contact whom a filter keeps back gets out by an
 * email, a relationship or an activity. Without filters nothing is asked of the database.
 */
final class Gate {

  /**
   * Verdicts, the stricter the higher.
   */
  private const IN = 0;
  private const KEEP = 1;
  private const WITHDRAW = 2;

  /**
   * @var array<int, array<string, array<int, int>>>
   *   Peering => type => entity => verdict.
   */
  private array $verdicts = [];

  /**
   * @var array<string, \Civi\Share\Filter\Pass|null>
   *   Type => the pass that all its entities have; NULL where a filter bears on it.
   */
  private array $open = [];

  /**
   * @var int[]|null
   */
  private ?array $bound = NULL;

  /**
   * @param \Civi\Share\Peering|null $only
   *   The one peering that is asked about, instead of all.
   */
  public function __construct(private readonly ?Peering $only = NULL) {
  }

  /**
   * @return int[]
   *   The peerings that have a filter for anything.
   */
  public function bound(): array {
    return $this->bound ??= array_keys(array_filter(Peering::enabled(), function (Peering $peering): bool {
      return $peering->filters !== [];
    }));
  }

  /**
   * Does no filter bear on this type?
   */
  public function isOpen(ChangeType $type): bool {
    if (!array_key_exists($type->name, $this->open)) {
      $letting = $this->letting($type);
      $bound = array_filter($letting, function (Peering $peering) use ($type): bool {
        return !Reach::isFree($peering, $type);
      });
      $this->open[$type->name] = $bound === [] ? new Pass(array_keys($letting)) : NULL;
    }
    return $this->open[$type->name] !== NULL;
  }

  /**
   * Looks at many entities of a type.
   *
   * @param int[] $ids
   */
  public function look(ChangeType $type, array $ids): void {
    if ($this->isOpen($type)) {
      return;
    }
    foreach ($this->letting($type) as $peering) {
      if (!Reach::isFree($peering, $type)) {
        $this->judge($peering, $type, $ids);
      }
    }
  }

  public function pass(ChangeType $type, int $id): Pass {
    if ($this->isOpen($type)) {
      return $this->open[$type->name];
    }
    $in = $outside = $withdraw = $filtered = [];
    foreach ($this->letting($type) as $number => $peering) {
      $free = Reach::isFree($peering, $type);
      $verdict = $free ? self::IN : $this->verdict($peering, $type, $id);
      if ($verdict === self::IN) {
        $in[] = $number;
        if (!$free) {
          $filtered[] = $number;
        }
      }
      else {
        $outside[] = $number;
      }
      if ($verdict === self::WITHDRAW) {
        $withdraw[] = $number;
      }
    }
    return new Pass($in, $outside, $withdraw, $filtered);
  }

  /**
   * @return Peering[]
   */
  private function letting(ChangeType $type): array {
    return array_filter($this->only === NULL ? Peering::enabled() : [$this->only->id => $this->only], function (Peering $peering) use ($type): bool {
      return array_key_exists($type->name, $peering->typesOut);
    });
  }

  private function verdict(Peering $peering, ChangeType $type, int $id): int {
    if (!isset($this->verdicts[$peering->id][$type->name][$id])) {
      $this->judge($peering, $type, [$id]);
    }
    return $this->verdicts[$peering->id][$type->name][$id];
  }

  /**
   * @param int[] $ids
   */
  private function judge(Peering $peering, ChangeType $type, array $ids): void {
    $verdicts = &$this->verdicts[$peering->id][$type->name];
    $ids = array_values(array_filter($ids, function (int $id) use (&$verdicts): bool {
      return !isset($verdicts[$id]);
    }));
    if ($ids === []) {
      return;
    }
    // What refers to itself in a circle adds nothing to its own verdict.
    $verdicts = ($verdicts ?? []) + array_fill_keys($ids, self::IN);
    $filter = $peering->filters[$type->name] ?? NULL;
    if ($filter !== NULL) {
      $fitting = array_fill_keys(Members::fitting($peering, $type, $filter, $ids), TRUE);
      foreach ($ids as $id) {
        if (!isset($fitting[$id])) {
          $verdicts[$id] = $filter->withdraws ? self::WITHDRAW : self::KEEP;
        }
      }
    }
    [$holds, $about] = Reach::bonds($peering, $type);
    foreach ($this->targets($peering, $type, $holds, $ids) as $id => $found) {
      foreach ($found as $verdict) {
        $verdicts[$id] = max($verdicts[$id], $verdict);
      }
    }
    // Of what an entity is about, the first list that holds anything counts, and one of it is enough.
    $decided = [];
    foreach ($about as $attribute) {
      foreach ($this->targets($peering, $type, [$attribute], $ids) as $id => $found) {
        if (!isset($decided[$id])) {
          $decided[$id] = TRUE;
          $verdicts[$id] = max($verdicts[$id], min($found));
        }
      }
    }
  }

  /**
   * @param Attribute[] $attributes
   * @param int[] $ids
   *
   * @return array<int, int[]>
   *   Entity => verdicts on what it refers to there.
   */
  private function targets(Peering $peering, ChangeType $type, array $attributes, array $ids): array {
    $referring = [];
    foreach (self::read($type, $attributes, $ids) as [$id, $attribute, $row, $target]) {
      $entity = References::entity($attribute, $row);
      $other = $entity === '' ? NULL : Registry::ofEntity($entity);
      if ($other !== NULL && $target > 0 && array_key_exists($other->name, $peering->typesOut) && !Reach::isFree($peering, $other)) {
        $referring[$other->name][$target][] = $id;
      }
    }
    $found = [];
    foreach ($referring as $name => $targets) {
      $other = Registry::type($name);
      $this->judge($peering, $other, array_keys($targets));
      foreach ($targets as $target => $by) {
        foreach ($by as $id) {
          $found[$id][] = $this->verdicts[$peering->id][$name][$target];
        }
      }
    }
    return $found;
  }

  /**
   * @param Attribute[] $attributes
   * @param int[] $ids
   *
   * @return array[]
   *   [entity, attribute, its row, what it refers to]
   */
  private static function read(ChangeType $type, array $attributes, array $ids): array {
    $columns = $found = [];
    foreach ($attributes as $attribute) {
      if ($attribute->through === NULL) {
        $columns[] = $attribute->column;
        $columns[] = $attribute->by ?? $attribute->column;
        continue;
      }
      foreach (Db::rows(self::listSql($attribute) . " AND `{$attribute->through['key']}` IN (" . implode(',', $ids) . ')') as $row) {
        $found[] = [(int) $row['owner'], $attribute, [], (int) $row['target']];
      }
    }
    $rows = $columns === [] ? [] : Db::rows("SELECT `$type->key` civishare_key, `" . implode('`, `', array_unique($columns)) . "`
      FROM `$type->table` WHERE `$type->key` IN (" . implode(',', $ids) . ')');
    foreach ($rows as $row) {
      foreach ($attributes as $attribute) {
        if ($attribute->through === NULL) {
          $found[] = [(int) $row['civishare_key'], $attribute, $row, (int) $row[$attribute->column]];
        }
      }
    }
    return $found;
  }

  /**
   * The rows of a list of references, to be narrowed down.
   */
  public static function listSql(Attribute $attribute): string {
    ['table' => $table, 'key' => $key, 'column' => $column, 'where' => $where] = $attribute->through;
    $condition = 'TRUE';
    foreach ($where as $name => $value) {
      $condition .= " AND `$name` = " . Db::quote((string) $value);
    }
    return "SELECT `$key` owner, `$column` target FROM `$table` WHERE $condition";
  }

}

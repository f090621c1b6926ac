<?php
declare(strict_types = 1);

namespace Civi\Share\Type;

/**
 * A change type as its file in types/ declares it, ready for use.
 *
 * Custom fields come to it at run time and only when asked for: most saves touch none.
 */
final class ChangeType {

  public readonly string $name;
  public readonly string $entity;
  public readonly string $table;
  public readonly string $key;

  /**
   * @var string[]
   *   Names under which hooks speak of this entity.
   */
  public readonly array $objects;

  /**
   * @var string[]
   *   What a custom group extends if its fields belong here.
   */
  public readonly array $extends;

  /**
   * @var string[][]
   *   Natural keys: a row with the same values is the same entity on every site, also if it is shared already.
   */
  public readonly array $unique;

  /**
   * @var string[][]
   *   Likewise, as long as the row is not yet shared with the peer: an email address may stand there twice.
   */
  public readonly array $match;

  /**
   * Who writes: "api4", "api3", or a class that implements \Civi\Share\Apply\Writes.
   */
  public readonly ?string $writer;

  /**
   * The class of the entity's rows.
   */
  public readonly ?string $dao;

  /**
   * What the API is told besides when it creates, and whenever it writes.
   */
  public readonly array $create;
  public readonly array $write;

  /**
   * @var string[]
   *   Columns that an update has to name, because CiviCRM takes what is not named for empty.
   */
  public readonly array $keep;

  /**
   * @var string[]
   *   Lists of references without which CiviCRM creates no row, although it may be without them later.
   */
  public readonly array $standIn;

  /**
   * @var string[]
   *   Columns: where two contacts are merged and each has a row with the same values in these, CiviCRM leaves the one of who is absorbed
   *   behind.
   */
  public readonly array $slot;

  /**
   * @var string[][]
   *   Column that refers to a contact => columns: likewise, but CiviCRM deletes it.
   */
  public readonly array $twins;

  /**
   * @var string[]
   *   References to two contacts: once these have become one, CiviCRM drops what linked them.
   */
  public readonly array $distinct;

  /**
   * Never shared along with everything: a person has to name it.
   */
  public readonly bool $explicit;

  /**
   * Hooks name the group or the tag instead of the row.
   */
  public readonly bool $oddHooks;

  /**
   * @var string[]
   *   Names of references, for about().
   */
  private readonly array $about;

  /**
   * Writing it changes the schema, which ends any transaction.
   */
  public readonly bool $alone;

  /**
   * @var Attribute[]
   *   Those of the entity's own table and its lists of references, by name.
   */
  private array $core = [];

  /**
   * @var Attribute[]|null
   */
  private ?array $custom = NULL;

  /**
   * @var array<string, Attribute>|null
   *   Those of the entity's own table, by column.
   */
  private ?array $coreColumns = NULL;

  /**
   * @var array<string, array<string, Attribute>>|null
   *   Table => column => attribute.
   */
  private ?array $columns = NULL;

  /**
   * What every change asks for.
   */
  private ?array $choices = NULL;
  private ?array $defaults = NULL;

  /**
   * @var string[]
   *   Attributes that this CiviCRM lacks.
   */
  public readonly array $missing;

  /**
   * @param array $declaration
   *   As the file has it; a writer of the type's own may look up more there.
   */
  public function __construct(public readonly array $declaration) {
    $this->name = $declaration['name'];
    $this->entity = $declaration['entity'];
    $this->table = $declaration['table'];
    $this->key = $declaration['key'] ?? 'id';
    $this->dao = $declaration['dao'] ?? NULL;
    $this->objects = $declaration['objects'] ?? [$declaration['entity']];
    $this->extends = $declaration['custom'] ?? [];
    $this->unique = $declaration['unique'] ?? [];
    $this->match = $declaration['match'] ?? [];
    $this->writer = $declaration['writer'] ?? NULL;
    $this->explicit = $declaration['explicit'] ?? FALSE;
    $this->alone = $declaration['alone'] ?? FALSE;
    $this->create = $declaration['create'] ?? [];
    $this->write = $declaration['write'] ?? [];
    $this->keep = $declaration['keep'] ?? [];
    $this->standIn = $declaration['stand_in'] ?? [];
    $this->twins = $declaration['twins'] ?? [];
    $this->slot = $declaration['slot'] ?? [];
    $this->distinct = $declaration['distinct'] ?? [];
    $this->oddHooks = $declaration['odd_hooks'] ?? FALSE;
    $this->about = $declaration['about'] ?? [];
    $present = $this->dao === NULL ? NULL : array_column($this->dao::fields(), 'name', 'name');
    $missing = [];
    foreach ($declaration['attributes'] as $name => $spec) {
      $through = $spec['through'] ?? NULL;
      $column = $through !== NULL ? $name : $spec['column'] ?? explode(':', $name)[0];
      if ($present !== NULL && $through === NULL && !isset($present[$column])) {
        $missing[] = $name;
        continue;
      }
      $this->core[$name] = new Attribute(
        $name,
        $through['table'] ?? $this->table,
        $column,
        $spec['kind'],
        options: $spec['options'] ?? NULL,
        multiple: $spec['multiple'] ?? $through !== NULL,
        markup: $spec['markup'] ?? FALSE,
        default: $spec['default'] ?? NULL,
        privacy: $spec['privacy'] ?? FALSE,
        quiet: $spec['quiet'] ?? FALSE,
        refers: $spec['refers'] ?? NULL,
        by: $spec['by'] ?? NULL,
        targets: $spec['targets'] ?? NULL,
        targetOptions: $spec['target_options'] ?? NULL,
        required: $spec['required'] ?? FALSE,
        zero: $spec['zero'] ?? FALSE,
        parent: $spec['parent'] ?? FALSE,
        follows: $spec['follows'] ?? $spec['chosen'] ?? FALSE,
        chosen: $spec['chosen'] ?? FALSE,
        single: $spec['single'] ?? FALSE,
        apart: $spec['apart'] ?? FALSE,
        exact: $spec['exact'] ?? FALSE,
        through: $through,
      );
    }
    $this->missing = $missing;
  }

  /**
   * All attributes, custom fields included.
   *
   * @return Attribute[]
   *   By name.
   */
  public function attributes(): array {
    return $this->core + $this->custom();
  }

  public function attribute(string $name): ?Attribute {
    return $this->core[$name] ?? $this->custom()[$name] ?? NULL;
  }

  /**
   * Attributes of the entity's own table. Needs no query.
   *
   * @return Attribute[]
   */
  public function coreAttributes(): array {
    return $this->core;
  }

  /**
   * Attributes of one table.
   *
   * @return array<string, Attribute>
   *   By column.
   */
  public function columns(string $table): array {
    if ($table === $this->table) {
      return $this->coreColumns ??= array_column(array_filter($this->core, function (Attribute $attribute): bool {
        return $attribute->through === NULL;
      }), NULL, 'column');
    }
    return $this->allColumns()[$table] ?? [];
  }

  /**
   * Every table that holds attributes of this type, the entity's own first.
   *
   * @return array<string, string>
   *   Table => column that names the entity.
   */
  public function tables(): array {
    $tables = [$this->table => $this->key];
    foreach ($this->lists() as $attribute) {
      $tables[$attribute->table] = $attribute->through['key'];
    }
    foreach (array_keys($this->allColumns()) as $table) {
      $tables[$table] ??= 'entity_id';
    }
    return $tables;
  }

  /**
   * Attributes that are rows of another table.
   *
   * @return Attribute[]
   *   By name.
   */
  public function lists(): array {
    return array_filter($this->core, function (Attribute $attribute): bool {
      return $attribute->through !== NULL;
    });
  }

  /**
   * Those of these attributes that refer to other entities, custom fields included.
   *
   * @param string[] $names
   *
   * @return Attribute[]
   *   By name.
   */
  public function referencesAmong(array $names): array {
    $references = [];
    foreach ($names as $name) {
      $attribute = $this->attribute((string) $name);
      if ($attribute !== NULL && $attribute->isReference()) {
        $references[(string) $name] = $attribute;
      }
    }
    return $references;
  }

  /**
   * Those of the entity's own table and its lists.
   *
   * @return Attribute[]
   *   By name.
   */
  public function references(): array {
    return array_filter($this->core, function (Attribute $attribute): bool {
      return $attribute->isReference();
    });
  }

  /**
   * Does a row say no more than that two things belong together? Then two that say it of the same things are one.
   */
  public function isLink(): bool {
    $names = $this->unique[0] ?? [];
    $references = $this->referencesAmong($names);
    $tables = array_filter(array_map(function (Attribute $attribute): ?string {
      return $attribute->by;
    }, $references));
    return count($references) > 1 && array_diff($names, array_keys($references), $tables) === [];
  }

  /**
   * Flags of which the stricter value is the one that is set.
   *
   * @return string[]
   */
  public function privacy(): array {
    return array_keys(array_filter($this->core, function (Attribute $attribute): bool {
      return $attribute->privacy;
    }));
  }

  /**
   * References to what it is about, in order: it goes where one goes of the first of them that holds any.
   *
   * @return Attribute[]
   *   By name.
   */
  public function about(): array {
    $about = [];
    foreach ($this->about as $name) {
      if (isset($this->core[$name])) {
        $about[$name] = $this->core[$name];
      }
    }
    return $about;
  }

  /**
   * Does it go when another entity goes?
   */
  public function hasParent(): bool {
    return $this->parent() !== NULL;
  }

  /**
   * The first reference to an entity with which it goes.
   */
  public function parent(): ?Attribute {
    foreach ($this->core as $attribute) {
      if ($attribute->parent) {
        return $attribute;
      }
    }
    return NULL;
  }

  /**
   * Attributes that one of the rows of a parent has.
   *
   * @return Attribute[]
   *   By name.
   */
  public function choices(): array {
    return $this->choices ??= array_filter($this->core, function (Attribute $attribute): bool {
      return $attribute->chosen;
    });
  }

  /**
   * Attributes that at most one of the rows of a parent has.
   *
   * @return Attribute[]
   *   By name.
   */
  public function singles(): array {
    return array_filter($this->core, function (Attribute $attribute): bool {
      return $attribute->single;
    });
  }

  /**
   * What an attribute holds if nobody has set it; those that are empty then are left out.
   *
   * @return array<string, mixed>
   */
  public function defaults(): array {
    return $this->defaults ??= array_filter(array_map(function (Attribute $attribute) {
      return $attribute->default;
    }, $this->core), function ($default): bool {
      return $default !== NULL;
    });
  }

  private function allColumns(): array {
    if ($this->columns === NULL) {
      $this->columns = [];
      foreach ($this->attributes() as $attribute) {
        $this->columns[$attribute->table][$attribute->column] = $attribute;
      }
    }
    return $this->columns;
  }

  /**
   * @return Attribute[]
   */
  private function custom(): array {
    return $this->custom ??= $this->extends === [] ? [] : CustomFields::extending($this->extends);
  }

}

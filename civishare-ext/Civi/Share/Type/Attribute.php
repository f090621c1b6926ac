<?php
declare(strict_types = 1);

namespace Civi\Share\Type;

/**
 * One shared attribute: its name on the wire, the column that holds it, and how the one becomes the other.
 */
final class Attribute {

  const KINDS = ['string', 'bool', 'int', 'decimal', 'date', 'time', 'option', 'reference', 'serialized', 'json', 'field', 'file'];

  /**
   * @param string $name
   *   As API version 4 calls it: first_name, gender_id:name, Custom_Group.field.
   * @param string $kind
   *   One of KINDS.
   * @param string|null $options
   *   Option list of kind "option", as Options::names() takes it.
   * @param bool $multiple
   *   Does the column hold a \x01 list?
   * @param bool $markup
   *   Rich text: stored as it is, not with "<" and ">" as entities.
   * @param mixed $default
   *   What the column holds if nobody has set it, on the wire.
   * @param bool $privacy
   *   Is it a flag of which the stricter value stays when two contacts are linked?
   * @param bool $quiet
   *   Named in every save, so naming it says nothing.
   * @param string|null $refers
   *   Entity that a reference names.
   * @param string|null $by
   *   Where that differs from row to row: the column that holds the table of the entity.
   * @param array<string, string>|null $targets
   *   If that column holds something else instead: what it holds => entity.
   * @param string|null $targetOptions
   *   The option list whose names those are, if that column holds an option.
   * @param bool $required
   *   The row can not be without it, so it waits for what it refers to. Where it names no table, nothing is referred to.
   * @param bool $zero
   *   The number 0 stands for all that it could refer to.
   * @param bool $parent
   *   Deleting what it refers to deletes the row.
   * @param bool $follows
   *   CiviCRM keeps it in order by itself when other rows are written: told when a person changes it, not when applying does.
   * @param bool $chosen
   *   Of the rows of one parent, one has it. Only that it is TRUE is told: of the others it follows.
   * @param bool $single
   *   Of the rows of one parent, at most one has it: CiviCRM takes it from the others when one is saved with it.
   * @param bool $apart
   *   CiviCRM takes it from the others by some saves and lets several have it by others, so each row has what was told of it.
   * @param bool $exact
   *   CiviCRM sets it by itself when the row is saved, so what was received is written once more afterwards.
   * @param array|null $through
   *   A list of references that are rows of another table: ['table', 'key' (column of this entity), 'column' (what is referred to),
   *   'where' => [column => value]].
   * @param int|null $customField
   * @param int|null $customGroup
   */
  public function __construct(
    public readonly string $name,
    public readonly string $table,
    public readonly string $column,
    public readonly string $kind,
    public readonly ?string $options = NULL,
    public readonly bool $multiple = FALSE,
    public readonly bool $markup = FALSE,
    public readonly mixed $default = NULL,
    public readonly bool $privacy = FALSE,
    public readonly bool $quiet = FALSE,
    public readonly ?string $refers = NULL,
    public readonly ?string $by = NULL,
    public readonly ?array $targets = NULL,
    public readonly ?string $targetOptions = NULL,
    public readonly bool $required = FALSE,
    public readonly bool $zero = FALSE,
    public readonly bool $parent = FALSE,
    public readonly bool $follows = FALSE,
    public readonly bool $chosen = FALSE,
    public readonly bool $single = FALSE,
    public readonly bool $apart = FALSE,
    public readonly bool $exact = FALSE,
    public readonly ?array $through = NULL,
    public readonly ?int $customField = NULL,
    public readonly ?int $customGroup = NULL,
  ) {
    if (!in_array($kind, self::KINDS, TRUE)) {
      throw new \InvalidArgumentException("Attribute $name has the unknown kind $kind.");
    }
    if (($kind === 'reference') !== ($refers !== NULL || $by !== NULL)) {
      throw new \InvalidArgumentException("Attribute $name has to be of kind reference and say what it refers to, or neither.");
    }
  }

  public function isReference(): bool {
    return $this->kind === 'reference';
  }

  /**
   * Is it known that the row names no table to which this could refer?
   *
   * @param array<string, mixed> $values
   */
  public function refersToNothing(array $values): bool {
    return $this->by !== NULL && array_key_exists($this->by, $values) && $values[$this->by] === NULL;
  }

}

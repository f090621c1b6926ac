<?php
declare(strict_types = 1);

namespace Civi\Share\Filter;

/**
 * Where one entity may go: what the filters of the peerings that let its type out say of it.
 */
final class Pass {

  /**
   * @param int[] $peerings
   *   Those that let it out.
   * @param int[] $outside
   *   Those whose filter does not.
   * @param int[] $withdraw
   *   Those of them whose copy is withdrawn if it has been in the filter so far.
   * @param int[] $filtered
   *   Those of $peerings that have a filter.
   */
  public function __construct(
    public readonly array $peerings,
    public readonly array $outside = [],
    public readonly array $withdraw = [],
    public readonly array $filtered = [],
  ) {
  }

  /**
   * In the shape in which \CiviShare\Core takes it.
   *
   * @return array<string, int[]>
   */
  public function facts(): array {
    return ['peerings' => $this->peerings] + ($this->outside === [] ? [] : ['outside' => $this->outside, 'withdraw' => $this->withdraw]);
  }

  /**
   * The same for one that has told of the entity by itself: its copy is its own, and nothing is withdrawn of it.
   */
  public function ofGiver(int $peering): self {
    return new self($this->peerings, $this->outside, array_values(array_diff($this->withdraw, [$peering])), $this->filtered);
  }

}

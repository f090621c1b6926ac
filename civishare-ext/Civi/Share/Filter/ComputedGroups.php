<?php
declare(strict_types = 1);

namespace Civi\Share\Filter;

use Civi\Share\Db;

/**
 * The groups of a filter whose members CiviCRM computes and keeps for a while: smart groups, and groups that have others in them.
 */
final class ComputedGroups {

  /**
   * @param int[] $ids
   */
  private function __construct(private readonly array $ids) {
  }

  /**
   * @return self|null
   *   NULL if there are none among them.
   */
  public static function of(Filter $filter): ?self {
    if ($filter->groups === []) {
      return NULL;
    }
    // Those that are switched off CiviCRM does not compute.
    $rows = Db::rows("SELECT id FROM civicrm_group WHERE is_active = 1 AND (saved_search_id IS NOT NULL OR COALESCE(children, '') <> '')
      AND name IN (" . Db::quoteAll($filter->groups) . ') ORDER BY id');
    return $rows === [] ? NULL : new self(array_map('intval', array_column($rows, 'id')));
  }

  /**
   * Has CiviCRM compute those whose time has run out.
   */
  public function refresh(): self {
    \CRM_Contact_BAO_GroupContactCache::check($this->ids);
    return $this;
  }

  /**
   * When they were computed; NULL if one of them is not.
   */
  public function stamp(): ?string {
    $dates = array_column(Db::rows('SELECT cache_date FROM civicrm_group WHERE id IN (' . implode(',', $this->ids) . ') ORDER BY id'), 'cache_date');
    return in_array(NULL, $dates, TRUE) ? NULL : implode(' ', $dates);
  }

  public function sql(string $contact): string {
    return "EXISTS (SELECT 1 FROM civicrm_group_contact_cache cc WHERE cc.contact_id = $contact AND cc.group_id IN (" . implode(',', $this->ids) . '))';
  }

}

<?php
declare(strict_types = 1);

namespace Civi\Api4\Action\ShareChange;

use Civi\Api4\Generic\BasicGetAction;
use Civi\Share\Native;

/**
 * Lists received changes that could not be applied so far and are tried again by themselves, oldest first.
 */
final class GetWaiting extends BasicGetAction {

  protected function getRecords(): array {
    $store = Native::store();
    return $store === NULL ? [] : array_map([self::class, 'record'], $store->waiting());
  }

  private static function record(array $change): array {
    return [
      'id' => $change['id'],
      'direction' => 'in',
      'peering_id' => $change['peering'],
      'change_id' => $change['change_id'],
      'type' => $change['type'],
      'reason' => $change['reason'],
      'attempts' => $change['attempts'],
      'next_date' => date('Y-m-d H:i:s', intdiv((int) $change['until'], 1000)),
      'change' => $change['text'],
    ];
  }

}

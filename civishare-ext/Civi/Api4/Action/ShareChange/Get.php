<?php
declare(strict_types = 1);

namespace Civi\Api4\Action\ShareChange;

use Civi\Api4\Generic\BasicGetAction;
use Civi\Share\Native;

/**
 * Lists dead letters, oldest first. None where the native module is missing.
 */
final class Get extends BasicGetAction {

  protected function getRecords(): array {
    $store = Native::store();
    return $store === NULL ? [] : array_map([self::class, 'record'], $store->deadLetters());
  }

  private static function record(array $letter): array {
    return [
      'id' => $letter['id'],
      'direction' => $letter['direction'],
      'peering_id' => $letter['peering'],
      'change_id' => $letter['change_id'],
      'type' => $letter['type'],
      'reason' => $letter['reason'],
      'set_aside_date' => date('Y-m-d H:i:s', intdiv((int) $letter['dead'], 1000)),
      'change' => $letter['text'],
    ];
  }

}

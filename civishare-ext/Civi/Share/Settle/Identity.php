<?php
declare(strict_types = 1);

namespace Civi\Share\Settle;

use Civi\Share\LocalNode;
use Civi\Share\Peering;
use Civi\Share\Type\ChangeType;
use Civi\Share\Type\ContactFields;
use Civi\Share\Type\Reader;
use CiviShare\Core;

/**
 * What a peer finds a contact by that is new to it (protocol.md, "identity"): the peering's option "identity" names it, and no other
 * peering learns of it.
 */
final class Identity {

  /**
   * Adds it to what is told of new contacts.
   *
   * @param array[] $changes
   *   For the outbox.
   *
   * @return array[]
   */
  public static function into(ChangeType $type, int $id, array $changes): array {
    if ($changes === [] || $type->entity !== 'Contact' || Peering::identities() === []) {
      return $changes;
    }
    $wanted = self::wanted($changes);
    if ($wanted === []) {
      return $changes;
    }
    $names = array_values(array_unique(array_merge(...array_values($wanted))));
    $values = self::read($type, $id, $names);
    return Core::identify(LocalNode::identifier(), $changes, array_map(function (array $names) use ($values): array {
      return array_intersect_key($values, array_flip($names));
    }, $wanted));
  }

  /**
   * @return array<int, string[]>
   *   Peering that is told of a new contact => names.
   */
  private static function wanted(array $changes): array {
    $told = [];
    foreach ($changes as $change) {
      if (strpos($change['text'], '"operation":"create"') !== FALSE) {
        $told += array_flip($change['targets']);
      }
    }
    return array_intersect_key(Peering::identities(), $told);
  }

  /**
   * @return array<string, mixed>
   *   Without what is empty: nobody is found by that.
   */
  private static function read(ChangeType $type, int $id, array $names): array {
    $own = array_values(array_diff($names, ContactFields::names()));
    $values = (ContactFields::read([$id], $names)[$id] ?? []) + ($own === [] ? [] : Reader::read($type, [$id], $own)[$id] ?? []);
    return array_filter($values, function ($value): bool {
      return $value !== NULL;
    });
  }

}

<?php
declare(strict_types = 1);

/** A local update of an entity that is shared: what Core::settle() does with it, in PHP. */
final class RivalSettle {

  private const PAST_MS = 30 * 86400000;
  private const PAST_MAX = 100;

  public static function settle(array $facts): array {
    $state = json_decode($facts['state'], TRUE, 32, JSON_THROW_ON_ERROR);
    $node = $facts['node'];
    if (!preg_match('/^[\x21-\x7e]{1,255}$/D', $node) || !self::isName($facts['type']) || !self::isName($facts['entity']) || isset($state['t']) || count($facts['chain']) >= 32) {
      throw new InvalidArgumentException('facts');
    }
    $now = (int) (microtime(TRUE) * 1000);
    $times = [];
    foreach ($facts['rows'] as $row) {
      if (!is_int($row['id']) || !is_int($row['time']) || $row['time'] < 0 || $row['time'] >= 1 << 48) {
        throw new InvalidArgumentException('rows');
      }
      foreach ($row['attributes'] as $name) {
        if (!self::isName($name)) {
          throw new InvalidArgumentException('rows');
        }
        $times[$name] = min($row['time'], $now);
      }
    }
    ksort($times, SORT_STRING);
    $after = self::values($facts['after']);
    $before = self::values($facts['before']);

    // The highest version held, which the new ones must exceed.
    $floor = [-1, 0];
    foreach ($state['v'] ?? [] as $version) {
      $at = self::reading($version);
      if ($at > $floor) {
        $floor = $at;
      }
    }
    $distinct = array_unique(array_values($times));
    sort($distinct);
    $minted = [];
    // A fresh reading's counter begins at the entity's own number.
    $begin = hexdec(hash('fnv1a32', $state['u'][0])) >> 16;
    foreach ($distinct as $time) {
      $floor = $floor[0] >= $time ? [$floor[0], $floor[1] + 1] : [$time, $begin];
      $minted[$time] = "$floor[0].$floor[1]@$node";
    }

    $told = [];
    foreach ($times as $name => $time) {
      if (!array_key_exists($name, $after)) {
        continue;
      }
      $version = $minted[$time];
      $held = $state['v'][$name] ?? NULL;
      $entry = ['from' => $before[$name] ?? NULL];
      if ($held !== NULL) {
        $entry['from_version'] = $held;
        $past = [];
        foreach ($state['h'][$name] ?? [] as $once) {
          if ($once[0] + self::PAST_MS > $time) {
            $past[] = $once;
          }
        }
        $past[] = [$time, $held];
        $state['h'][$name] = array_slice($past, -self::PAST_MAX);
      }
      $told[] = $entry + ['name' => $name, 'to' => $after[$name], 'version' => $version];
      $state['v'][$name] = $version;
    }
    ksort($state['v'], SORT_STRING);
    ksort($state['h'], SORT_STRING);

    $changes = [];
    if ($told !== []) {
      $first = $facts['rows'][0];
      $last = end($facts['rows']);
      $id = self::uuid5($facts['instance'], "{$first['id']}.0");
      $change = [
        'attribute_changes' => $told,
        'change_id' => $id,
        'entity' => $facts['entity'],
        'entity_reference' => $facts['reference'],
        'entity_uid' => $state['u'][0],
        'loop_detection' => $facts['chain'],
        'operation' => 'update',
        'timestamp' => rival_time($last['time']),
        'type' => $facts['type'],
      ];
      $changes[] = [
        'id' => $id,
        'text' => rival_seal($change, $node),
        'targets' => array_values(array_intersect($facts['peerings'], $state['p'])),
      ];
    }
    return [
      'uid' => $state['u'][0],
      'uids' => $state['u'],
      'state' => json_encode(array_filter(['u' => $state['u'], 'm' => $state['m'] ?? NULL, 'v' => $state['v'], 'h' => $state['h'], 'p' => $state['p']]), RivalJson::FLAGS),
      'changes' => $changes,
    ];
  }

  /** Values in their forms on the wire. What has none is refused; that texts are UTF-8 is left to json_encode. */
  private static function values(array $values): array {
    foreach ($values as $name => $value) {
      if (!self::isName($name)) {
        throw new InvalidArgumentException('name');
      }
      if (is_string($value)) {
        if ($value === '') {
          $values[$name] = NULL;
        }
      }
      elseif (is_array($value)) {
        if (!array_is_list($value)) {
          throw new InvalidArgumentException($name);
        }
        foreach ($value as $key => $element) {
          $value[$key] = self::scalar($element);
        }
        sort($value, SORT_STRING);
        $values[$name] = $value;
      }
      elseif (!is_bool($value) && $value !== NULL) {
        $values[$name] = self::scalar($value);
      }
    }
    return $values;
  }

  private static function scalar(mixed $value): mixed {
    if (is_int($value)) {
      return abs($value) > 9007199254740991 ? (string) $value : $value;
    }
    if (is_float($value)) {
      if (!is_finite($value)) {
        throw new InvalidArgumentException('number');
      }
      return floor($value) === $value && abs($value) < 9007199254740992 ? (int) $value : $value;
    }
    if (is_string($value)) {
      return $value === '' ? NULL : $value;
    }
    if (is_bool($value) || $value === NULL) {
      return $value;
    }
    throw new InvalidArgumentException('value');
  }

  private static function isName(mixed $name): bool {
    return is_string($name) && $name !== '' && strlen($name) <= 255 && !preg_match('/[\x00-\x1f\x7f]|\xc2[\x80-\x9f]/', $name);
  }

  /** Milliseconds and counter of a version. */
  private static function reading(string $version): array {
    return [(int) $version, (int) substr($version, strpos($version, '.') + 1)];
  }

  private static function uuid5(string $namespace, string $name): string {
    $hash = substr(sha1(hex2bin(str_replace('-', '', $namespace)) . $name, TRUE), 0, 16);
    $hash[6] = chr(ord($hash[6]) & 0x0f | 0x50);
    $hash[8] = chr(ord($hash[8]) & 0x3f | 0x80);
    $hex = bin2hex($hash);
    return substr($hex, 0, 8) . '-' . substr($hex, 8, 4) . '-' . substr($hex, 12, 4) . '-' . substr($hex, 16, 4) . '-' . substr($hex, 20);
  }

}

<?php

/**
 * @file
 * Measures whether the time that a refusal takes tells why: SITES="a.env b.env" php tests/e2e/timing.php [ROUNDS]
 *
 * Sends, in turn, messages of an unknown sender, with a wrong signature, with a stale timestamp and with a wrong recipient to the first site, and prints
 * the median and the spread of each. A difference far below the spread can not be measured over a network.
 */

declare(strict_types = 1);

namespace CiviShare\E2e;

require_once __DIR__ . '/bootstrap.php';

(function (int $rounds): void {
  [$a] = Network::pair();
  $peer = new Peer('https://timing.e2e.example.org', $a);
  $stranger = new Peer('https://timed-stranger.e2e.example.org', $a);
  Network::peer($a, $peer->identifier, $peer->url, $peer->secret);
  $changes = [];
  for ($count = 0; $count < 20; $count++) {
    $changes[] = $peer->newPerson(['first_name' => "No. $count", 'last_name' => str_repeat('x', 60)]);
  }
  $ways = [
    'unknown sender' => fn() => $stranger->post($changes),
    'wrong signature' => fn() => $peer->post($changes, [], ['secret' => $stranger->secret]),
    'stale timestamp' => fn() => $peer->post($changes, [], ['time' => time() - 3600]),
    'wrong recipient' => fn() => $peer->post($changes, ['recipient' => 'https://somebody.example.org']),
  ];
  $times = array_fill_keys(array_keys($ways), []);
  for ($round = -5; $round < $rounds; $round++) {
    $names = array_keys($ways);
    shuffle($names);
    foreach ($names as $name) {
      $begun = hrtime(TRUE);
      $answer = $ways[$name]();
      $time = (hrtime(TRUE) - $begun) / 1e6;
      if ($answer->status !== 401) {
        throw new \RuntimeException("$name was answered $answer->status");
      }
      if ($round >= 0) {
        $times[$name][] = $time;
      }
    }
  }
  printf("%d rounds, milliseconds\n%-16s %9s %9s %9s\n", $rounds, '', 'median', 'quarter', '3 quarters');
  foreach ($times as $name => $all) {
    sort($all);
    $at = fn(float $part) => $all[(int) floor($part * (count($all) - 1))];
    printf("%-16s %9.3f %9.3f %9.3f\n", $name, $at(0.5), $at(0.25), $at(0.75));
  }
  Network::unpeer($a, $peer->identifier);
  $peer->stop();
  $stranger->stop();
})((int) ($argv[1] ?? 200));

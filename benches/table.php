<?php
/**
 * Joins the rows of all parts, prints them against what they must reach, and writes them down.
 *
 * usage: php benches/table.php OUT.json ROWS.json…
 */
declare(strict_types = 1);

// What must be reached: at least this ratio, or at most this figure.
const LEAST = ['send_10000' => 3, 'send_10000_filtered' => 1.5, 'receive_10000' => 4, 'hook_change' => 2, 'apply_update' => 2, 'apply_create' => 4];
const MOST = ['hook_changed_percent' => 3, 'hook_unchanged_percent' => 0.5, 'hook_unshared_percent' => 0.2, 'send_memory_mib' => 64];

$rows = array_merge(...array_map(fn($file) => json_decode(file_get_contents($file), TRUE, 8, JSON_THROW_ON_ERROR), array_slice($argv, 2)));
$cell = fn($value) => $value === NULL ? '' : rtrim(rtrim(number_format((float) $value, 3), '0'), '.');
$line = fn(string ...$cells) => printf("%-24s %12s %12s %8s  %-24s %s\n", ...$cells);
$line('', 'ours', 'rival', 'ratio', 'unit', 'must be');
foreach ($rows as $row) {
  $least = LEAST[$row['name']] ?? NULL;
  $most = MOST[$row['name']] ?? NULL;
  $goal = $least ? "≥ $least ×" : ($most ? "< $most" : '');
  $short = ($least && $row['ratio'] < $least) || ($most && $row['ours'] >= $most) ? ' FALLS SHORT' : '';
  $line($row['name'], $cell($row['ours']), $cell($row['rival']), $cell($row['ratio']), $row['unit'], $goal . $short);
}
file_put_contents($argv[1], json_encode($rows, JSON_PRETTY_PRINT | JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR) . "\n");

<?php

/**
 * @file
 * usage: summary.php JUNIT-FILE      prints "N passed, N failed, N skipped", by theme and for all, and what failed or was skipped
 */

declare(strict_types = 1);

$total = ['passed' => 0, 'failed' => 0, 'skipped' => 0, 'seconds' => 0.0];
$print = function (string $name, array $count): void {
  printf("%-20s %3d passed, %d failed, %d skipped (%.0f s)\n", $name, $count['passed'], $count['failed'], $count['skipped'], $count['seconds']);
};
$report = simplexml_load_file($argv[1]);
foreach ($report->xpath('//testsuite[@file]') as $suite) {
  $failed = (int) $suite['errors'] + (int) $suite['failures'] + (int) $suite['warnings'];
  $count = [
    'passed' => (int) $suite['tests'] - $failed - (int) $suite['skipped'],
    'failed' => $failed,
    'skipped' => (int) $suite['skipped'],
    'seconds' => (float) $suite['time'],
  ];
  $print(basename((string) $suite['file'], '.php'), $count);
  foreach ($count as $name => $number) {
    $total[$name] += $number;
  }
}
foreach ($report->xpath('//testcase[error or failure or warning or skipped]') as $case) {
  // PHPUnit writes the test's name, then what it has to say of it.
  [, $why] = explode("\n", trim((string) ($case->error ?: $case->failure ?: $case->warning)), 2) + [1 => ''];
  printf("%-8s %s::%s: %s\n", isset($case->skipped) ? 'SKIPPED' : 'FAILED', $case['class'], $case['name'], strtok($why, "\n"));
}
printf("%.0f s\n%d passed, %d failed, %d skipped\n", $total['seconds'], $total['passed'], $total['failed'], $total['skipped']);

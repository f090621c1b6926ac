<?php
/**
 * Memory of the sending job with 100,000 changes waiting, above that of an idle bootstrap. Prints one JSON row.
 *
 * usage, bootstrapped in CiviCRM with a peering that takes contacts: memory.php idle|fill|send
 */
use Civi\Share\Job\Send;
use Civi\Share\Native;
use Civi\Share\Peering;

/**
 * The most memory that this process ever had, in MiB: what PHP counts and what the module takes besides.
 */
function peak(): float {
  preg_match('/^VmHWM:\s+(\d+) kB/m', file_get_contents('/proc/self/status'), $match);
  return $match[1] / 1024;
}

switch ($argv[1]) {
  case 'idle':
    // What every job has done before its own work begins.
    Native::store()->status();
    Peering::allForSend();
    break;

  case 'fill':
    $peering = (int) array_key_first(Peering::enabled());
    $rows = [];
    for ($i = 0; $i < 100000; $i++) {
      $settled = \CiviShare\Core::settle([
        'node' => \Civi\Share\LocalNode::identifier(),
        'instance' => '0192a000-1111-7222-8333-444455556666',
        'type' => 'civishare.change.contact.base',
        'entity' => 'Contact',
        'reference' => (string) $i,
        'state' => NULL,
        'operation' => 'create',
        'rows' => [['id' => 1000000 + $i, 'time' => (int) (microtime(TRUE) * 1000) - 60000, 'attributes' => []]],
        'after' => ['contact_type' => 'Individual', 'first_name' => "Bench $i", 'last_name' => 'Memory', 'job_title' => 'Waiting to be sent'],
        'peerings' => [$peering],
      ]);
      array_push($rows, ...$settled['changes']);
      if (count($rows) >= 5000) {
        Native::store()->enqueue($rows);
        $rows = [];
      }
    }
    break;

  case 'send':
    $before = Native::store()->status()['outbox'];
    if ($before < 100000) {
      throw new RuntimeException("only $before changes wait");
    }
    while (Native::store()->status()['outbox'] > 0) {
      $left = Native::store()->status()['outbox'];
      foreach (Native::store()->send(Peering::allForSend(), ['deadline' => 300000]) as $report) {
        if ($report['error'] !== NULL) {
          throw new RuntimeException($report['error']);
        }
      }
      if (Native::store()->status()['outbox'] === $left) {
        throw new RuntimeException('Nothing was sent.');
      }
    }
    break;
}
echo peak(), "\n";

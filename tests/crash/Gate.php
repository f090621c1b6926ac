<?php
declare(strict_types = 1);

namespace CiviShare\Crash;

/**
 * Holds a process at one statement: a trigger on the table waits for a lock that we hold. The process can then be killed exactly
 * there, with nothing of ours in the product's code.
 */
final class Gate {

  private readonly string $lock;

  /**
   * @param string $moment
   *   Such as "BEFORE DELETE".
   * @param string $condition
   *   On OLD or NEW: which rows.
   */
  public function __construct(private readonly Database $database, private readonly string $table, string $moment, string $condition) {
    $this->lock = 'civishare_gate_' . bin2hex(random_bytes(4));
    $this->database->query('DROP TRIGGER IF EXISTS civishare_gate');
    $this->database->value("SELECT GET_LOCK('$this->lock', 0)");
    $this->database->query("CREATE TRIGGER civishare_gate $moment ON $table FOR EACH ROW
      IF $condition THEN DO GET_LOCK('$this->lock', 100); DO RELEASE_LOCK('$this->lock'); END IF");
  }

  /**
   * Waits until somebody stands at the gate.
   *
   * @return int
   *   The connection.
   */
  public function await(): int {
    for ($tries = 0; $tries < 1500; $tries++) {
      $connection = $this->database->value("SELECT ID FROM information_schema.PROCESSLIST WHERE STATE = 'User lock' LIMIT 1");
      if ($connection !== NULL) {
        return (int) $connection;
      }
      usleep(20000);
    }
    throw new \RuntimeException("nobody came to the gate on $this->table");
  }

  /**
   * Ends a connection whose process is dead: the server would only notice once the statement is over.
   */
  public function end(int $connection): void {
    $this->database->query("KILL CONNECTION $connection");
    for ($tries = 0; $tries < 500 && $this->database->value("SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = $connection") !== NULL; $tries++) {
      usleep(10000);
    }
  }

  public function open(): void {
    $this->database->value("SELECT RELEASE_LOCK('$this->lock')");
  }

  public function remove(): void {
    $this->open();
    $this->database->query('DROP TRIGGER IF EXISTS civishare_gate');
  }

}

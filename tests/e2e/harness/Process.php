<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * A PHP process in a site, bootstrapped in CiviCRM. It takes one command at a time and ends when close() takes its input away.
 */
final class Process {

  /**
   * So long may a command take, in seconds.
   */
  const PATIENCE = 120;

  /**
   * The PHP process itself, behind whatever SITE_PHP is.
   */
  public readonly int $pid;

  /**
   * @var resource
   */
  private $process;

  /**
   * @var resource[]
   */
  private array $pipes = [];

  private string $buffer = '';

  private string $noise = '';

  private ?int $status = NULL;

  /**
   * @param string $command
   *   SITE_PHP.
   * @param array<string, string> $env
   */
  public function __construct(private readonly string $site, string $command, array $env) {
    $script = escapeshellarg(__DIR__ . '/site/agent.php');
    $stderr = tmpfile();
    $this->process = proc_open("exec $command $script", [['pipe', 'r'], ['pipe', 'w'], $stderr], $this->pipes, NULL, $env);
    $this->pipes[2] = $stderr;
    stream_set_blocking($this->pipes[1], FALSE);
    $hello = $this->read();
    if ($hello === NULL) {
      throw new \RuntimeException("$site: $command does not start: " . $this->noise());
    }
    $this->pid = $hello['pid'];
  }

  /**
   * Hands over code without waiting for its result.
   */
  public function give(string $code, array $args = [], bool $uncaught = FALSE): void {
    $command = ['code' => $code, 'args' => (object) $args, 'uncaught' => $uncaught];
    fwrite($this->pipes[0], json_encode($command, JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE) . "\n");
  }

  /**
   * The result of what give() handed over.
   *
   * @return mixed
   *   NULL as well if the process ended without an answer: see status() and noise().
   *
   * @throws SiteError
   */
  public function result() {
    $answer = $this->read();
    if (isset($answer['error'])) {
      throw new SiteError($this->site, $answer['error'], $answer['message'], $answer['trace']);
    }
    return $answer['result'] ?? NULL;
  }

  /**
   * Takes the input away and waits for the process to end: its shutdown functions and destructors have run then.
   *
   * @return int
   *   The exit status, 128 and the signal if one killed it.
   */
  public function close(): int {
    if ($this->status !== NULL) {
      return $this->status;
    }
    fclose($this->pipes[0]);
    while ($this->read() !== NULL) {
    }
    fclose($this->pipes[1]);
    $end = microtime(TRUE) + self::PATIENCE;
    do {
      $state = proc_get_status($this->process);
      if ($state['running']) {
        usleep(2000);
      }
    } while ($state['running'] && microtime(TRUE) < $end);
    if ($state['running']) {
      $this->kill();
    }
    proc_close($this->process);
    return $this->status = $state['signaled'] ? 128 + $state['termsig'] : $state['exitcode'];
  }

  public function kill(): void {
    posix_kill($this->pid, SIGKILL);
  }

  /**
   * What the process has printed besides its answers, on stdout and stderr.
   */
  public function noise(): string {
    rewind($this->pipes[2]);
    return trim($this->noise . "\n" . stream_get_contents($this->pipes[2]));
  }

  /**
   * The next answer, NULL if the process has ended instead.
   */
  private function read(): ?array {
    $end = microtime(TRUE) + self::PATIENCE;
    while (TRUE) {
      while (($at = strpos($this->buffer, "\n")) !== FALSE) {
        $line = substr($this->buffer, 0, $at);
        $this->buffer = substr($this->buffer, $at + 1);
        if (strncmp($line, "\x1ecivishare ", 11) === 0) {
          return json_decode(substr($line, 11), TRUE, 512, JSON_THROW_ON_ERROR);
        }
        $this->noise .= $line === '' ? '' : "$line\n";
      }
      $wait = [$this->pipes[1]];
      $none = NULL;
      if (@stream_select($wait, $none, $none, 1) === 0) {
        if (microtime(TRUE) > $end) {
          $this->kill();
          throw new \RuntimeException("{$this->site}: no answer in " . self::PATIENCE . ' s. ' . $this->noise());
        }
        continue;
      }
      $more = fread($this->pipes[1], 1 << 16);
      if ($more === '' && feof($this->pipes[1])) {
        $this->noise .= $this->buffer;
        $this->buffer = '';
        return NULL;
      }
      $this->buffer .= $more;
    }
  }

}

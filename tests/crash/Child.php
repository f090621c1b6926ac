<?php
declare(strict_types = 1);

namespace CiviShare\Crash;

use CiviShare\E2e\Site;

/**
 * A PHP process in a site for which nobody waits: it is asked again and again how far it is, and may be killed at any moment.
 */
final class Child {

  const BOOTING = 'booting';
  const READY = 'ready';
  const BUSY = 'busy';
  const ANSWERED = 'answered';
  const ENDING = 'ending';
  const ENDED = 'ended';

  public string $state = self::BOOTING;

  public ?int $pid = NULL;

  /**
   * The last answer: ['result' => …] or ['error' => …].
   */
  public ?array $answer = NULL;

  public bool $killed = FALSE;

  /**
   * @var resource
   */
  private $process;

  private array $pipes = [];

  private string $buffer = '';

  private float $since;

  public function __construct(Site $site) {
    $command = 'exec ' . $site->env('SITE_PHP') . ' ' . escapeshellarg(dirname(__DIR__) . '/e2e/harness/site/agent.php');
    $this->process = proc_open($command, [['pipe', 'r'], ['pipe', 'w'], ['file', '/dev/null', 'w']], $this->pipes);
    stream_set_blocking($this->pipes[1], FALSE);
    $this->since = microtime(TRUE);
  }

  public function give(string $code, array $args): void {
    @fwrite($this->pipes[0], json_encode(['code' => $code, 'args' => (object) $args], JSON_THROW_ON_ERROR) . "\n");
    $this->become(self::BUSY);
  }

  /**
   * Takes its input away: it ends as a request does.
   */
  public function end(): void {
    fclose($this->pipes[0]);
    $this->become(self::ENDING);
  }

  /**
   * Seconds in this state.
   */
  public function age(): float {
    return microtime(TRUE) - $this->since;
  }

  public function kill(): void {
    if ($this->pid !== NULL && $this->state !== self::ENDED) {
      // It is our child and not yet waited for, so the number is still its own.
      posix_kill($this->pid, SIGKILL);
      $this->killed = TRUE;
    }
  }

  public function look(): void {
    if ($this->state === self::ENDED) {
      return;
    }
    $more = fread($this->pipes[1], 1 << 16);
    $this->buffer .= (string) $more;
    while (($at = strpos($this->buffer, "\n")) !== FALSE) {
      $line = substr($this->buffer, 0, $at);
      $this->buffer = substr($this->buffer, $at + 1);
      if (strncmp($line, "\x1ecivishare ", 11) === 0) {
        $answer = json_decode(substr($line, 11), TRUE);
        if ($this->state === self::BOOTING) {
          $this->pid = $answer['pid'];
          $this->become(self::READY);
        }
        else {
          $this->answer = $answer;
          $this->become(self::ANSWERED);
        }
      }
    }
    if (($more === '' || $more === FALSE) && feof($this->pipes[1]) && !proc_get_status($this->process)['running']) {
      foreach ($this->pipes as $pipe) {
        if (is_resource($pipe)) {
          fclose($pipe);
        }
      }
      proc_close($this->process);
      $this->become(self::ENDED);
    }
  }

  private function become(string $state): void {
    $this->state = $state;
    $this->since = microtime(TRUE);
  }

}

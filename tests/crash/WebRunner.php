<?php
declare(strict_types = 1);

namespace CiviShare\Crash;

use CiviShare\E2e\Network;
use CiviShare\E2e\Site;

/**
 * As Runner, but in the site's web server, through the test extension's page.
 */
final class WebRunner {

  public int $runs = 0;

  public int $errors = 0;

  private \CurlMultiHandle $multi;

  private ?\CurlHandle $request = NULL;

  private float $next = 0;

  private float $begun = 0;

  private ?array $doom = NULL;

  private readonly string $url;

  /**
   * @param callable $work
   *   Gives [code, arguments].
   */
  public function __construct(
    private readonly Site $site,
    public readonly string $label,
    private readonly Dice $dice,
    private $work,
    private readonly array $pause,
    private readonly WebServer $server,
  ) {
    $this->url = Network::route($site, 'civicrm/ajax/civishare-e2e');
    $this->multi = curl_multi_init();
  }

  /**
   * The worker that serves the next request is killed so many seconds after it was sent.
   */
  public function doom(float $seconds, callable $killed): void {
    $this->doom = [$seconds, $killed];
  }

  public function idle(): bool {
    return $this->request === NULL;
  }

  public function tick(bool $on): void {
    if ($this->request === NULL) {
      if ($on && microtime(TRUE) >= $this->next) {
        $this->begin();
      }
      return;
    }
    curl_multi_exec($this->multi, $running);
    if ($this->doom !== NULL && microtime(TRUE) - $this->begun >= $this->doom[0] && $this->server->killBusiest()) {
      $killed = $this->doom[1];
      $this->doom = NULL;
      $killed();
    }
    while (($info = curl_multi_info_read($this->multi)) !== FALSE) {
      $this->runs++;
      $answer = json_decode((string) curl_multi_getcontent($this->request), TRUE);
      $this->errors += isset($answer['result']) ? 0 : 1;
      curl_multi_remove_handle($this->multi, $this->request);
      $this->request = NULL;
      $this->next = microtime(TRUE) + $this->dice->seconds(...$this->pause);
      if ($this->doom !== NULL) {
        $this->doom[0] *= $this->dice->int(0, 90) / 100;
      }
    }
  }

  private function begin(): void {
    [$code, $args] = ($this->work)();
    $this->request = curl_init($this->url);
    curl_setopt_array($this->request, [
      CURLOPT_POST => TRUE,
      CURLOPT_POSTFIELDS => json_encode(['code' => $code, 'args' => (object) $args], JSON_THROW_ON_ERROR),
      CURLOPT_RETURNTRANSFER => TRUE,
      CURLOPT_TIMEOUT => 90,
      CURLOPT_NOPROXY => '*',
      CURLOPT_HTTPHEADER => ['Expect:', "x-civishare-e2e: {$this->site->webKey}"],
    ]);
    $this->server->mark();
    curl_multi_add_handle($this->multi, $this->request);
    curl_multi_exec($this->multi, $running);
    $this->begun = microtime(TRUE);
  }

}

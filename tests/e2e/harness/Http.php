<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * Raw HTTP: nothing is followed, nothing is added that the caller did not ask for.
 */
final class Http {

  /**
   * @param array<string, string> $headers
   */
  public static function post(string $url, string $body, array $headers = []): Answer {
    return self::exchange($url, [CURLOPT_POST => TRUE, CURLOPT_POSTFIELDS => $body], $headers + ['Expect' => '']);
  }

  /**
   * @param array<string, string> $headers
   */
  public static function get(string $url, array $headers = []): Answer {
    return self::exchange($url, [], $headers);
  }

  private static function exchange(string $url, array $options, array $headers): Answer {
    $lines = [];
    foreach ($headers as $name => $value) {
      $lines[] = $value === '' ? "$name:" : "$name: $value";
    }
    $received = [];
    $curl = curl_init($url);
    curl_setopt_array($curl, $options + [
      CURLOPT_RETURNTRANSFER => TRUE,
      CURLOPT_TIMEOUT => 60,
      CURLOPT_HTTPHEADER => $lines,
      CURLOPT_NOPROXY => '*',
      CURLOPT_HEADERFUNCTION => function ($curl, string $line) use (&$received): int {
        if (strpos($line, ':')) {
          [$name, $value] = explode(':', $line, 2);
          $received[strtolower(trim($name))] = trim($value);
        }
        return strlen($line);
      },
    ]);
    $body = curl_exec($curl);
    if ($body === FALSE) {
      throw new \RuntimeException("$url: " . curl_error($curl));
    }
    return new Answer((int) curl_getinfo($curl, CURLINFO_RESPONSE_CODE), $received, $body);
  }

}

<?php
declare(strict_types = 1);

namespace Civi\Share;

use Civi\Share\Resync\Records;
use Civi\Share\Resync\Resync;
use Civi\Share\Site\Place;

/**
 * Where other nodes' messages arrive: takes the HTTP request as it is and hands it to the native module, which verifies, stores and
 * answers. Nothing is applied here.
 */
final class Endpoint {

  const PATH = 'civicrm/ajax/civishare';

  const SERVICES = ['changes', 'hello', 'records'];

  /**
   * The largest message (protocol.md, "Receiving"). One byte more is read, so that the module can tell.
   */
  const MAX_BYTES = 8388608;

  private const REASONS = [
    200 => 'OK',
    202 => 'Accepted',
    400 => 'Bad Request',
    401 => 'Unauthorized',
    404 => 'Not Found',
    405 => 'Method Not Allowed',
    409 => 'Conflict',
    410 => 'Gone',
    413 => 'Content Too Large',
    415 => 'Unsupported Media Type',
    429 => 'Too Many Requests',
    500 => 'Internal Server Error',
    503 => 'Service Unavailable',
  ];

  /**
   * Answers the request and ends PHP.
   *
   * @param string $path
   *   CiviCRM's path of the request.
   */
  public static function serve(string $path): void {
    $service = basename($path);
    try {
      $answer = self::answer($service);
    }
    catch (\Throwable $e) {
      Trouble::note('receive', $e);
      $answer = self::problem(503, 'The message could not be stored. Try again later.', ['Retry-After' => '60']);
    }
    self::send($answer);
  }

  /**
   * hook_civicrm_idsException: signed messages look like attacks to an intrusion detection.
   */
  public static function paths(): array {
    $paths = [self::PATH];
    foreach (self::SERVICES as $service) {
      $paths[] = self::PATH . '/' . $service;
    }
    return $paths;
  }

  private static function answer(string $service): array {
    if (!in_array($service, self::SERVICES, TRUE)) {
      return self::problem(404, 'There is no such service.');
    }
    if (($_SERVER['REQUEST_METHOD'] ?? '') !== 'POST') {
      return self::problem(405, 'Messages come by POST.', ['Allow' => 'POST']);
    }
    $store = Native::store();
    if ($store === NULL) {
      return self::problem(503, 'This site can not take messages at the moment.', ['Retry-After' => '600']);
    }
    if (Place::held() !== NULL) {
      return self::problem(503, 'This site can not take messages at the moment.', ['Retry-After' => '600']);
    }
    $request = ['service' => $service, 'headers' => self::headers(), 'body' => self::body()];
    $peering = Peering::forSender((string) ($request['headers']['civishare-sender'] ?? ''));
    $answer = $store->receive($request, $peering, ['inbox_limit' => (int) \Civi::settings()->get('civishare_inbox_limit')]);
    if ($answer['event'] === 'hello' && $answer['resync']) {
      Resync::request((int) $peering['id'], FALSE);
    }
    if (!empty($answer['under_new_key'])) {
      Rotation::theirs($peering['id'], $service);
    }
    if ($answer['event'] === 'records') {
      [$records, $after] = Records::answer(Peering::byId((int) $peering['id']), $answer['ask']);
      return $store->answer($request, $peering, $records, $after);
    }
    if (!empty($answer['fault'])) {
      Trouble::note('receive', new \RuntimeException($answer['fault']));
    }
    else {
      Trouble::clear('receive');
    }
    return $answer;
  }

  /**
   * @return array<string, string>
   */
  private static function headers(): array {
    $headers = [];
    foreach ($_SERVER as $key => $value) {
      if (is_string($value) && preg_match('/^(?:HTTP_)?(CONTENT_TYPE|CONTENT_LENGTH|(?<=HTTP_).+)$/', (string) $key, $match)) {
        $headers[strtolower(strtr($match[1], '_', '-'))] = $value;
      }
    }
    return $headers;
  }

  private static function body(): string {
    return (string) file_get_contents('php://input', FALSE, NULL, 0, self::MAX_BYTES + 1);
  }

  private static function problem(int $status, string $detail, array $headers = []): array {
    $body = json_encode(['type' => 'about:blank', 'title' => self::REASONS[$status], 'status' => $status, 'detail' => $detail]);
    return ['status' => $status, 'headers' => ['Content-Type' => 'application/problem+json'] + $headers, 'body' => $body];
  }

  /**
   * The status line is written out: where CiviCRM runs inside of a CMS, http_response_code() does not get through.
   */
  private static function send(array $answer): void {
    while (ob_get_level() > 0 && ob_end_clean()) {
      // What the CMS or a warning has written does not belong to the answer.
    }
    $status = (int) $answer['status'];
    $protocol = preg_match('#^HTTP/[0-9.]+$#', (string) ($_SERVER['SERVER_PROTOCOL'] ?? '')) ? $_SERVER['SERVER_PROTOCOL'] : 'HTTP/1.1';
    header($protocol . ' ' . $status . ' ' . (self::REASONS[$status] ?? 'Status'), TRUE, $status);
    header('Cache-Control: no-store');
    foreach ($answer['headers'] as $name => $value) {
      header($name . ': ' . $value);
    }
    echo $answer['body'];
    \CRM_Utils_System::civiExit();
  }

}

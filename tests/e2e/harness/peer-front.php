<?php

/**
 * @file
 * Front of a Peer, for php -S: keeps each request and answers as settings.json says.
 */

declare(strict_types = 1);

namespace CiviShare\E2e;

require_once __DIR__ . '/Jcs.php';
require_once __DIR__ . '/Message.php';

(function () {
  $folder = getenv('CIVISHARE_PEER');
  $settings = json_decode(file_get_contents("$folder/settings.json"), TRUE);
  $secret = $settings['secret'];
  $headers = array_change_key_case(getallheaders());
  $body = file_get_contents('php://input');
  if (($headers['content-encoding'] ?? '') === 'gzip' && strncmp($body, "\x1f\x8b", 2) === 0) {
    $body = gzdecode($body);
  }
  $message = json_decode($body);
  $id = (string) ($headers['webhook-id'] ?? '');
  $verified = $message !== NULL && isset($message->payload)
    && in_array(Message::headerSignature($id, $headers['webhook-timestamp'] ?? '', $body, $secret), explode(' ', $headers['webhook-signature'] ?? ''), TRUE)
    && $message->id === $id
    && $message->payload_signature === Message::payloadSignature($message->payload, $secret);
  $changes = $message->payload->changes ?? [];
  foreach ($changes as $change) {
    $verified = $verified && end($change->loop_detection) === Message::loopSignature($change, $message->payload->sender);
  }
  $how = $settings['how'] === 'accept' ? ['status' => $verified ? 202 : 401] : $settings['how'];
  usleep((int) (1e6 * ($how['delay'] ?? 0)));
  $line = ['headers' => $headers, 'body' => $body, 'verified' => $verified, 'taken' => $how['status'] === 202];
  file_put_contents("$folder/requests", json_encode($line) . "\n", FILE_APPEND);

  $answer = $how['body'] ?? json_encode(($how['members'] ?? []) + [
    'service' => ($message->payload->service ?? '') . '-answer',
    'in_reply_to' => $id,
    'sender' => $settings['identifier'],
    'recipient' => $message->payload->sender ?? '',
    'accepted' => count($changes),
    'ignored' => 0,
    'rejected' => [],
  ], JSON_UNESCAPED_SLASHES);
  http_response_code($how['status']);
  header('Content-Type: ' . ($how['status'] < 400 ? 'application/json' : 'application/problem+json'));
  foreach ($how['headers'] ?? [] as $name => $value) {
    header("$name: $value");
  }
  if ($how['sign'] ?? TRUE) {
    $time = (string) time();
    header("webhook-id: $id");
    header("webhook-timestamp: $time");
    header('webhook-signature: ' . Message::headerSignature($id, $time, $answer, $how['secret'] ?? $secret));
  }
  echo $answer;
})();

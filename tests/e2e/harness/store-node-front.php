<?php

/**
 * @file
 * Endpoint of a StoreNode, for php -S.
 */

declare(strict_types = 1);

(function () {
  $folder = getenv('CIVISHARE_NODE');
  $node = json_decode(file_get_contents("$folder/node.json"), TRUE);
  $headers = array_change_key_case(getallheaders());
  $store = new \CiviShare\Store("$folder/store.sqlite", $node['node']);
  $answer = $store->receive(
    ['service' => basename($_SERVER['REQUEST_URI']), 'headers' => $headers, 'body' => file_get_contents('php://input')],
    $node['peerings'][$headers['civishare-sender'] ?? ''] ?? NULL
  );
  http_response_code($answer['status']);
  foreach ($answer['headers'] as $name => $value) {
    header("$name: $value");
  }
  echo $answer['body'];
})();

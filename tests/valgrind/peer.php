<?php
/**
 * The other node: prints its URL and takes what is sent to it until it is ended.
 */
declare(strict_types = 1);

use CiviShare\Store;

require dirname(__DIR__) . '/phpt/support.inc';
$file = store_file();
[$url, $server] = serve(fn(string $service, array $headers, string $body) => (new Store($file, OTHER))->receive(['service' => $service, 'headers' => $headers, 'body' => $body], peering(['remote' => NODE])));
echo "$url\n";
pcntl_async_signals(TRUE);
pcntl_signal(SIGTERM, function () use ($server) {
  stop($server);
  exit(0);
});
while (TRUE) {
  sleep(60);
}

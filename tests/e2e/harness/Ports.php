<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * Ports on loopback for the servers of the tests' own.
 */
final class Ports {

  public static function free(): int {
    $socket = stream_socket_server('tcp://127.0.0.1:0');
    $port = (int) substr(strrchr(stream_socket_get_name($socket, FALSE), ':'), 1);
    fclose($socket);
    return $port;
  }

  public static function await(int $port): void {
    for ($tries = 0; $tries < 1000; $tries++) {
      $socket = @fsockopen('127.0.0.1', $port);
      if ($socket) {
        fclose($socket);
        return;
      }
      usleep(5000);
    }
    throw new \RuntimeException("nothing came up on port $port");
  }

}

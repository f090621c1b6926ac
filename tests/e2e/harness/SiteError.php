<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * An exception that code threw in a site.
 */
final class SiteError extends \RuntimeException {

  public function __construct(public readonly string $site, public readonly string $type, string $message, public readonly string $where) {
    parent::__construct($message);
  }

  public function __toString(): string {
    return "{$this->site}: {$this->type}: {$this->getMessage()}\n{$this->where}\n" . parent::__toString();
  }

}

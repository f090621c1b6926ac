<?php
declare(strict_types = 1);

namespace Civi\Share;

/**
 * The one place that knows whether the native PHP module "civishare" is there, and that opens its store.
 *
 * Everything else asks here first: without the module the site has to work as always.
 */
final class Native {

  /**
   * Release line of the extension. A module of another one may speak differently, so it counts as missing.
   */
  const VERSION = '0.1';

  private static ?\CiviShare\Store $store = NULL;

  private static string $storeNode = '';

  public static function available(): bool {
    return self::version() !== NULL && self::fits(self::version());
  }

  /**
   * The loaded module's version, NULL without one.
   */
  public static function version(): ?string {
    return class_exists('CiviShare\Core', FALSE) ? \CiviShare\Core::version() : NULL;
  }

  private static function fits(string $version): bool {
    return strncmp($version . '.', self::VERSION . '.', strlen(self::VERSION) + 1) === 0;
  }

  /**
   * The store of this site's queues. NULL without the module, or as long as this site has no name in the network.
   *
   * The file itself is opened by the first call that needs it, which throws \CiviShare\StoreException if it can not.
   */
  public static function store(): ?\CiviShare\Store {
    $node = LocalNode::identifier();
    if ($node === NULL || !self::available()) {
      return NULL;
    }
    if (self::$store === NULL || self::$storeNode !== $node) {
      self::$store = new \CiviShare\Store(StorePath::get(), $node);
      self::$storeNode = $node;
    }
    return self::$store;
  }

  /**
   * Drops the opened store; the next call opens it where the settings then say.
   */
  public static function reset(): void {
    self::$store = NULL;
  }

}

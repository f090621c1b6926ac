<?php
declare(strict_types = 1);

namespace Civi\Api4\Action\ShareNode;

use Civi\Api4\Generic\AbstractAction;
use Civi\Api4\Generic\Result;
use Civi\Share\Site\Place;
use Civi\Share\Site\Site;

/**
 * Says what this site is, after CiviShare has found it in another place than before: "moved" (the one that it was, and nowhere else any more),
 * "same" (the one that it was, under another address besides), or "copy" (another one; its peerings are deleted and its local node is disabled).
 *
 * @method $this setWhat(string $what)
 */
final class DeclareSite extends AbstractAction {

  /**
   * "moved", "same" or "copy".
   *
   * @var string
   * @required
   */
  protected $what;

  /**
   * @param \Civi\Api4\Generic\Result $result
   */
  public function _run(Result $result): void {
    Site::declare((string) $this->what);
    $result->exchangeArray([['what' => $this->what, 'held' => Place::held() !== NULL]]);
  }

}

<?php
declare(strict_types = 1);

/**
 * The public pages civicrm/ajax/civishare/…: no login, no permission; the messages are signed.
 */
final class CRM_Share_Page_Endpoint extends CRM_Core_Page {

  public function run() {
    \Civi\Share\Endpoint::serve((string) CRM_Utils_System::currentPath());
  }

}

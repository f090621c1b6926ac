<?php

use Civi\Share\Site\Place;
use Civi\Share\Site\Site;
use CRM_Share_ExtensionUtil as E;

/**
 * Asks what this site is, where it is not where it was.
 */
class CRM_Share_Form_Site extends CRM_Share_Form_Base {

  protected function listPath(): string {
    return 'civicrm/admin/share/site';
  }

  public function buildQuickForm() {
    CRM_Utils_System::setTitle(E::ts('CiviShare: What is this site?'));
    $this->assign('held', Place::held() !== NULL);
    $this->assign('here', Place::found());
    $this->assign('known', Place::known());
    if (Place::held() !== NULL) {
      $this->addRadio('what', E::ts('This site is'), [
        Site::MOVED => E::ts('the same site, moved here: the place above is no longer used'),
        Site::SAME => E::ts('the same site, which has this place besides'),
        Site::COPY => E::ts('a copy, for tests for instance: delete its peerings with their secrets, and disable its local node'),
      ], [], '<br />', TRUE);
      $this->addFormButtons(E::ts('Save'));
    }
  }

  protected function carryOut(): void {
    civicrm_api4('ShareNode', 'declareSite', ['what' => $this->exportValues()['what']]);
    CRM_Core_Session::setStatus(E::ts('Saved.'), '', 'success');
  }

}

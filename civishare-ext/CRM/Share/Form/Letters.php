<?php

use Civi\Share\Admin\PeeringHealth;
use Civi\Share\Admin\Permission;
use Civi\Share\Apply\Choice;
use CRM_Share_ExtensionUtil as E;

/**
 * Lists the changes that were set aside, to be tried again or thrown away, and those that wait to be applied.
 */
class CRM_Share_Form_Letters extends CRM_Share_Form_Base {

  const PAGE = 50;

  const RETRY = 'retry';
  const DISCARD = 'discard';
  const LINK = 'link';

  /**
   * In the list of contacts to link with.
   */
  const NEW_CONTACT = 'new';

  /**
   * @var array[]
   */
  private $letters = [];

  protected function listPath(): string {
    return 'civicrm/admin/share/letters';
  }

  public function preProcess() {
    parent::preProcess();
    $this->letters = self::changes('get');
  }

  public function buildQuickForm() {
    CRM_Utils_System::setTitle(E::ts('CiviShare: Changes set aside'));
    $mayChange = CRM_Core_Permission::check(Permission::ADMINISTER);
    foreach ($this->letters as $letter) {
      $this->add('checkbox', 'letter_' . $letter['id'], E::ts('Select'));
      $this->addContacts($letter, $mayChange);
    }
    $this->assign('letters', array_map([$this, 'row'], $this->letters));
    $this->assign('more', max(0, (new PeeringHealth())->dead() - count($this->letters)));
    $this->assign('waiting', array_map([$this, 'row'], self::changes('getWaiting')));
    $this->assign('mayChange', $mayChange && $this->letters !== []);
    if ($mayChange && $this->letters !== []) {
      $this->addButtons([
        ['type' => 'next', 'subName' => self::RETRY, 'name' => E::ts('Try again'), 'isDefault' => TRUE],
        ['type' => 'next', 'subName' => self::LINK, 'name' => E::ts('Link as chosen')],
        ['type' => 'next', 'subName' => self::DISCARD, 'name' => E::ts('Discard for good')],
      ]);
    }
  }

  /**
   * Of a contact that the matching rule could not tell, which one of this site it is.
   */
  private function addContacts(array $letter, bool $mayChange): void {
    $native = ['direction' => $letter['direction'], 'peering' => $letter['peering_id'], 'text' => $letter['change']];
    if (!$mayChange || !Choice::isFor($native)) {
      return;
    }
    $contacts = ['' => E::ts('- select -')];
    $candidates = Choice::candidates($native);
    $names = $candidates === [] ? [] : civicrm_api4('Contact', 'get', ['checkPermissions' => FALSE, 'where' => [['id', 'IN', $candidates]], 'select' => ['display_name']]);
    foreach ($names as $contact) {
      // QuickForm writes the texts of options as they are.
      $contacts[$contact['id']] = htmlspecialchars($contact['display_name'] . ' (' . $contact['id'] . ')');
    }
    $this->add('select', 'contact_' . $letter['id'], E::ts('Which contact is it?'), $contacts + [self::NEW_CONTACT => E::ts('a new contact')]);
    $this->add('text', 'other_' . $letter['id'], E::ts('or the contact with the ID'), ['size' => 6]);
  }

  protected function carryOut(): void {
    $values = $this->exportValues();
    if ($this->isButton(self::LINK)) {
      $this->link($values);
      return;
    }
    $ids = [];
    foreach ($this->letters as $letter) {
      if (!empty($values['letter_' . $letter['id']])) {
        $ids[] = $letter['id'];
      }
    }
    if ($ids === []) {
      CRM_Core_Session::setStatus(E::ts('Nothing was selected.'), '', 'info');
      return;
    }
    $discard = $this->isButton(self::DISCARD);
    civicrm_api4('ShareChange', $discard ? 'discard' : 'retry', ['where' => [['id', 'IN', $ids]]]);
    $done = $discard ? E::ts('Thrown away: %1.', [1 => count($ids)]) : E::ts('To be tried again by the next job: %1.', [1 => count($ids)]);
    CRM_Core_Session::setStatus($done, '', 'success');
  }

  private function isButton(string $name): bool {
    return $this->controller->getButtonName() === $this->getButtonName('next', $name);
  }

  private function link(array $values): void {
    $done = 0;
    foreach ($this->letters as $letter) {
      $contact = trim((string) ($values['other_' . $letter['id']] ?? '')) ?: (string) ($values['contact_' . $letter['id']] ?? '');
      if ($contact === '') {
        continue;
      }
      try {
        civicrm_api4('ShareChange', 'link', ['where' => [['id', '=', $letter['id']]]] + ($contact === self::NEW_CONTACT ? ['newContact' => TRUE] : ['contactId' => (int) $contact]));
        $done++;
      }
      catch (CRM_Core_Exception $e) {
        CRM_Core_Session::setStatus($e->getMessage(), '', 'error');
      }
    }
    CRM_Core_Session::setStatus($done === 0 ? E::ts('No contact was chosen.') : E::ts('To be applied by the next job: %1.', [1 => $done]), '', $done === 0 ? 'info' : 'success');
  }

  /**
   * @return array[]
   */
  private static function changes(string $action): array {
    return civicrm_api4('ShareChange', $action, ['limit' => self::PAGE, 'orderBy' => ['id' => 'ASC']])->getArrayCopy();
  }

  private function row(array $change): array {
    $peering = \Civi\Share\Peering::byId((int) $change['peering_id']);
    return [
      'box' => 'letter_' . $change['id'],
      'contact' => $this->elementExists('contact_' . $change['id']) ? 'contact_' . $change['id'] : '',
      'other' => 'other_' . $change['id'],
      'peering' => $peering === NULL ? (string) $change['peering_id'] : $peering->label,
      'direction' => $change['direction'] === 'out' ? E::ts('refused over there') : E::ts('not applied here'),
      'type' => $change['type'],
      'reason' => $change['reason'],
      'date' => $change['set_aside_date'] ?? $change['next_date'],
      'change' => self::pretty($change['change']),
    ];
  }

  private static function pretty(string $change): string {
    $decoded = json_decode($change);
    return $decoded === NULL ? $change : (string) json_encode($decoded, JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE);
  }

}

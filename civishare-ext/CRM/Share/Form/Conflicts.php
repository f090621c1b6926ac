<?php

use Civi\Share\Conflict\Conflicts;
use Civi\Share\Conflict\Resolver;
use CRM_Share_ExtensionUtil as E;

/**
 * Lists the conflicts that wait for a person, and carries out what is decided.
 */
class CRM_Share_Form_Conflicts extends CRM_Share_Form_Base {

  const PAGE = 50;

  /**
   * @var array[]
   */
  private $conflicts = [];

  protected function listPath(): string {
    return 'civicrm/admin/share/conflicts';
  }

  public function preProcess() {
    parent::preProcess();
    $this->conflicts = civicrm_api4('ShareConflict', 'get', ['limit' => self::PAGE, 'orderBy' => ['id' => 'ASC']])->getArrayCopy();
  }

  public function buildQuickForm() {
    CRM_Utils_System::setTitle(E::ts('CiviShare: Conflicts'));
    $names = $this->peeringNames();
    $rows = [];
    foreach ($this->conflicts as $conflict) {
      $id = $conflict['id'];
      $choices = ['' => E::ts('later'), Resolver::OURS => E::ts('ours'), Resolver::THEIRS => E::ts('theirs'), Resolver::VALUE => E::ts('this one:')];
      $this->addRadio("how_$id", E::ts('Decision'), $choices);
      $this->add('text', "value_$id", E::ts('Another value'), ['class' => 'medium']);
      $rows[] = [
        'how' => "how_$id",
        'value' => "value_$id",
        'peering' => $names[$conflict['peering_id']] ?? '',
        'entity' => $conflict['entity_type'] . ' ' . $conflict['entity_id'],
        'url' => $this->entityUrl($conflict),
        'attribute' => $conflict['attribute'],
        'ours' => self::text($conflict['ours']),
        'theirs' => self::text($conflict['theirs']),
        'date' => $conflict['created_date'],
      ];
    }
    $this->assign('rows', $rows);
    $this->assign('more', max(0, Conflicts::count() - count($rows)));
    if ($rows !== [] && CRM_Core_Permission::check(\Civi\Share\Admin\Permission::ADMINISTER)) {
      $this->addFormButtons(E::ts('Decide'));
    }
    $this->setDefaults(array_fill_keys(array_column($rows, 'how'), ''));
  }

  protected function carryOut(): void {
    $values = $this->exportValues();
    $done = 0;
    foreach ($this->conflicts as $conflict) {
      $how = (string) ($values['how_' . $conflict['id']] ?? '');
      if ($how !== '') {
        $done += (int) $this->resolve($conflict, $how, (string) ($values['value_' . $conflict['id']] ?? ''));
      }
    }
    CRM_Core_Session::setStatus(E::ts('Conflicts resolved: %1.', [1 => $done]), '', 'success');
  }

  private function resolve(array $conflict, string $how, string $text): bool {
    try {
      $attribute = Conflicts::type($conflict['entity_type'], $conflict['attribute'])->attribute($conflict['attribute']);
      $value = $how === Resolver::VALUE ? Conflicts::value($attribute, $text) : NULL;
      civicrm_api4('ShareConflict', 'resolve', ['where' => [['id', '=', $conflict['id']]], 'resolution' => $how, 'value' => $value]);
      return TRUE;
    }
    catch (CRM_Core_Exception | API_Exception $e) {
      CRM_Core_Session::setStatus(htmlspecialchars($conflict['attribute'] . ': ' . $e->getMessage()), E::ts('Not done'), 'error');
      return FALSE;
    }
  }

  private function peeringNames(): array {
    $names = [];
    foreach (\Civi\Share\Peering::enabled() as $id => $peering) {
      $names[$id] = $peering->label;
    }
    return $names;
  }

  private function entityUrl(array $conflict): ?string {
    return $conflict['entity_type'] === 'Contact'
      ? CRM_Utils_System::url('civicrm/contact/view', 'reset=1&cid=' . $conflict['entity_id'], FALSE, NULL, FALSE)
      : NULL;
  }

  private static function text($value): string {
    if (is_bool($value)) {
      return $value ? E::ts('Yes') : E::ts('No');
    }
    return is_array($value) ? implode(', ', $value) : (string) $value;
  }

}

<?php

use Civi\Share\Filter\Filter;
use Civi\Share\Type\Registry;
use Civi\Share\TypeList;
use CRM_Share_ExtensionUtil as E;

/**
 * Which entities of one change type a peering lets out.
 */
class CRM_Share_Form_PeeringFilter extends CRM_Share_Form_Base {

  /**
   * @var string
   */
  private $type;

  /**
   * @var array[]
   *   The peering's types_out, by type.
   */
  private $entries;

  protected function listPath(): string {
    return 'civicrm/admin/share/peerings';
  }

  public function preProcess() {
    parent::preProcess();
    $this->type = (string) CRM_Utils_Request::retrieve('type', 'String', $this);
    $this->entries = TypeList::toEntries($this->record('ShareNodePeering')['types_out']);
    if (!isset($this->entries[$this->type])) {
      throw new CRM_Core_Exception(E::ts('This type does not go out.'));
    }
    CRM_Core_Session::singleton()->pushUserContext(CRM_Utils_System::url('civicrm/admin/share/peering', 'reset=1&id=' . $this->recordId, FALSE, NULL, FALSE));
  }

  public function buildQuickForm() {
    CRM_Utils_System::setTitle(E::ts('CiviShare: What goes out'));
    $this->assign('type', $this->type);
    $this->assign('isContact', $this->isContact());
    if ($this->isContact()) {
      $this->addChoice('groups', E::ts('In one of these groups'), 'SELECT name, title label FROM civicrm_group WHERE is_hidden = 0 OR name IN (%s) ORDER BY title');
      $this->addChoice('contact_types', E::ts('Of one of these types'), 'SELECT name, label FROM civicrm_contact_type WHERE is_active = 1 OR name IN (%s) ORDER BY parent_id, label');
    }
    $this->addChoice('tags', E::ts('With one of these tags'), 'SELECT name, name label FROM civicrm_tag WHERE is_tagset = 0 OR name IN (%s) ORDER BY name');
    $this->add('textarea', 'where', E::ts('Condition'), ['rows' => 4, 'cols' => 80, 'class' => 'huge']);
    $this->add('select', 'on_leave', E::ts('What no longer fits'), [
      Filter::KEEP => E::ts('is left to the peer as it is'),
      Filter::WITHDRAW => E::ts('is withdrawn from the peer'),
    ], TRUE);
    $this->addFormButtons(E::ts('Save'));
    $this->addFormRule([__CLASS__, 'rule'], $this);
  }

  private function isContact(): bool {
    $type = Registry::type($this->type);
    return $type !== NULL && $type->entity === 'Contact';
  }

  /**
   * @param string $field
   * @param string $label
   * @param string $sql
   *   Gives name and label; %s stands for what is chosen already.
   */
  private function addChoice(string $field, string $label, string $sql): void {
    $chosen = array_map(['CRM_Core_DAO', 'escapeString'], $this->entries[$this->type][$field] ?? []);
    $options = [];
    $dao = CRM_Core_DAO::executeQuery(sprintf($sql, "'" . implode("','", $chosen) . "'"));
    while ($dao->fetch()) {
      // QuickForm writes the texts of options as they are.
      $options[$dao->name] = htmlspecialchars((string) $dao->label);
    }
    $this->add('select', $field, $label, $options, FALSE, ['class' => 'crm-select2 huge', 'multiple' => TRUE, 'placeholder' => E::ts('- any -')]);
  }

  public function setDefaultValues() {
    $entry = $this->entries[$this->type];
    $where = $entry['where'] ?? [];
    return ['where' => $where === [] ? '' : json_encode($where, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES)] + $entry + ['on_leave' => Filter::KEEP];
  }

  /**
   * @param array $fields
   * @param array $files
   * @param CRM_Share_Form_PeeringFilter $form
   *
   * @return array|bool
   */
  public static function rule($fields, $files, $form) {
    if (trim((string) $fields['where']) !== '' && !is_array(json_decode((string) $fields['where'], TRUE))) {
      return ['where' => E::ts('This is no JSON. A condition looks like this: [["is_deceased", "=", false]]')];
    }
    $refusal = CRM_Share_BAO_ShareNodePeering::refusal(['id' => $form->recordId, 'types_out' => $form->types($fields)]);
    return $refusal === NULL ? TRUE : ['_qf_default' => $refusal];
  }

  protected function carryOut(): void {
    $this->save('ShareNodePeering', ['types_out' => $this->types($this->exportValues())]);
  }

  /**
   * The peering's types with what was chosen here.
   *
   * @return array[]
   */
  private function types(array $fields): array {
    $where = trim((string) ($fields['where'] ?? ''));
    $filter = array_filter([
      'groups' => array_values((array) ($fields['groups'] ?? [])),
      'tags' => array_values((array) ($fields['tags'] ?? [])),
      'contact_types' => array_values((array) ($fields['contact_types'] ?? [])),
      'where' => $where === '' ? [] : json_decode($where, TRUE),
    ]);
    $entries = $this->entries;
    $entries[$this->type] = $filter + ['on_leave' => $fields['on_leave']] + array_diff_key($entries[$this->type], array_flip(Filter::MEMBERS));
    $list = [];
    foreach ($entries as $type => $entry) {
      $list[] = ['type' => $type] + $entry;
    }
    return $list;
  }

}

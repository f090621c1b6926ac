<?php

use Civi\Share\Admin\OwnAddress;
use Civi\Share\LocalNode;
use CRM_Share_ExtensionUtil as E;

/**
 * Creates or edits a node.
 */
class CRM_Share_Form_Node extends CRM_Share_Form_Base {

  protected function listPath(): string {
    return 'civicrm/admin/share/nodes';
  }

  public function buildQuickForm() {
    CRM_Utils_System::setTitle($this->recordId ? E::ts('CiviShare: Edit a node') : E::ts('CiviShare: New node'));
    $this->add('text', 'name', E::ts('Name'), ['class' => 'huge', 'maxlength' => 128], TRUE);
    $this->add('text', 'identifier', E::ts('Identifier'), ['class' => 'huge', 'maxlength' => 255], TRUE);
    $this->add('checkbox', 'is_local', E::ts('This site'));
    $this->add('textarea', 'description', E::ts('Description'), ['rows' => 3, 'cols' => 60]);
    $this->add('checkbox', 'is_enabled', E::ts('Enabled'));
    $this->addFormButtons(E::ts('Save'));
    $this->addFormRule([__CLASS__, 'rule'], $this);
  }

  public function setDefaultValues() {
    if ($this->recordId) {
      return array_map(function ($value) {
        return is_bool($value) ? (int) $value : $value;
      }, $this->record('ShareNode'));
    }
    return ['is_enabled' => 1] + (LocalNode::id() === NULL ? $this->localDefaults() : []);
  }

  /**
   * The first node that an administrator needs is the site itself.
   */
  private function localDefaults(): array {
    return [
      'name' => (string) CRM_Core_BAO_Domain::getDomain()->name,
      'identifier' => OwnAddress::suggestedIdentifier(),
      'is_local' => 1,
    ];
  }

  /**
   * @param array $fields
   * @param array $files
   * @param CRM_Share_Form_Node $form
   *
   * @return array|bool
   */
  public static function rule($fields, $files, $form) {
    $refusal = CRM_Share_BAO_ShareNode::refusal(['id' => $form->recordId] + $form->values($fields));
    return $refusal === NULL ? TRUE : ['_qf_default' => $refusal];
  }

  protected function carryOut(): void {
    $this->save('ShareNode', $this->values($this->exportValues()));
  }

  private function values(array $fields): array {
    return [
      'name' => $fields['name'],
      'identifier' => $fields['identifier'],
      'description' => $fields['description'],
      'is_local' => !empty($fields['is_local']),
      'is_enabled' => !empty($fields['is_enabled']),
    ];
  }

}

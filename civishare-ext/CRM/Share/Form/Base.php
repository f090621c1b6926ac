<?php

use CRM_Share_ExtensionUtil as E;

/**
 * What the forms of CiviShare have in common: which record they are about, and where they lead back to.
 */
abstract class CRM_Share_Form_Base extends CRM_Core_Form {

  /**
   * @var int|null
   */
  protected $recordId;

  /**
   * Path of the list that the form belongs to.
   */
  abstract protected function listPath(): string;

  public function preProcess() {
    parent::preProcess();
    $this->recordId = (int) CRM_Utils_Request::retrieve('id', 'Positive', $this) ?: NULL;
    CRM_Core_Session::singleton()->pushUserContext($this->listUrl());
  }

  /**
   * Does what the form is for. Its values have passed the rules, and its key is the session's.
   */
  abstract protected function carryOut(): void;

  /**
   * CiviCRM's forms take a link that names their button for a form that was sent, without a key: a picture on somebody's page could then end a
   * peering.
   */
  public function postProcess() {
    if (($_SERVER['REQUEST_METHOD'] ?? '') !== 'POST' || empty($_POST['qfKey'])) {
      throw new CRM_Core_Exception(E::ts('A link changes nothing here. Open the form and press its button.'));
    }
    $this->carryOut();
  }

  protected function listUrl(): string {
    return CRM_Utils_System::url($this->listPath(), 'reset=1', FALSE, NULL, FALSE);
  }

  /**
   * @param string $do
   *   Label of the button that does it.
   */
  protected function addFormButtons(string $do): void {
    $this->addButtons([
      ['type' => 'next', 'name' => $do, 'isDefault' => TRUE],
      ['type' => 'cancel', 'name' => E::ts('Cancel')],
    ]);
  }

  /**
   * The record that the form is about.
   *
   * @throws CRM_Core_Exception
   *   If it is gone.
   */
  protected function record(string $entity): array {
    $record = civicrm_api4($entity, 'get', ['where' => [['id', '=', $this->recordId ?? 0]]])->first();
    if (!$record) {
      throw new CRM_Core_Exception(E::ts('There is no such record any more.'));
    }
    return $record;
  }

  /**
   * Creates or updates the record through the API.
   */
  protected function save(string $entity, array $values): void {
    if ($this->recordId) {
      civicrm_api4($entity, 'update', ['where' => [['id', '=', $this->recordId]], 'values' => $values]);
    }
    else {
      civicrm_api4($entity, 'create', ['values' => $values]);
    }
    CRM_Core_Session::setStatus(E::ts('Saved.'), '', 'success');
  }

  /**
   * QuickForm keeps what was sent in the session; a secret does not stay there.
   */
  protected function forgetSecret(): void {
    $container = &$this->controller->container();
    unset($container['values'][$this->getAttribute('name')]['secret']);
  }

  /**
   * Deletes or otherwise ends the record. The API may refuse: that is an answer for a person, not a failure.
   */
  protected function finish(string $entity, string $action, string $done, array $params = []): void {
    try {
      civicrm_api4($entity, $action, ['where' => [['id', '=', $this->recordId]]] + $params);
      CRM_Core_Session::setStatus($done, '', 'success');
    }
    catch (CRM_Core_Exception | API_Exception $e) {
      CRM_Core_Session::setStatus(htmlspecialchars($e->getMessage()), E::ts('Not done'), 'error');
    }
  }

}

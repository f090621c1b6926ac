<?php

use Civi\Share\Admin\OwnAddress;
use Civi\Share\Admin\TypeChoices;
use Civi\Share\Filter\Filter;
use Civi\Share\LocalNode;
use Civi\Share\TypeList;
use CRM_Share_ExtensionUtil as E;

/**
 * Creates or edits a peering.
 */
class CRM_Share_Form_Peering extends CRM_Share_Form_Base {

  const DIRECTIONS = ['types_out', 'types_in'];

  /**
   * @var array
   *   The peering as it is stored; empty for a new one.
   */
  private $peering = [];

  /**
   * @var string[]
   *   Change types, by the number that their checkboxes carry.
   */
  private $types = [];

  protected function listPath(): string {
    return 'civicrm/admin/share/peerings';
  }

  public function preProcess() {
    parent::preProcess();
    $this->peering = $this->recordId ? $this->record('ShareNodePeering') : [];
    $this->types = TypeChoices::names(array_keys($this->stored('types_out') + $this->stored('types_in')));
  }

  public function buildQuickForm() {
    CRM_Utils_System::setTitle($this->recordId ? E::ts('CiviShare: Edit a peering') : E::ts('CiviShare: New peering'));
    $this->addRemoteNode();
    $this->add('text', 'endpoint_url', E::ts('Endpoint URL'), ['class' => 'huge', 'maxlength' => 2048]);
    $this->add('password', 'secret', E::ts('Shared secret'), ['class' => 'huge', 'autocomplete' => 'new-password']);
    $this->addTypes();
    $this->add('select', 'conflict_rule', E::ts('In a conflict'), CRM_Share_BAO_ShareNodePeering::conflictRules(), TRUE);
    $this->add('select', 'delivery', E::ts('Delivery'), CRM_Share_BAO_ShareNodePeering::deliveries(), TRUE);
    $this->addDetails();
    $this->add('checkbox', 'is_simple', E::ts('Simple peer'));
    $this->add('checkbox', 'is_enabled', E::ts('Enabled'));
    $this->addFormButtons(E::ts('Save'));
    $this->addFormRule([__CLASS__, 'rule'], $this);
    $this->assignFacts();
  }

  private function addRemoteNode(): void {
    $nodes = civicrm_api4('ShareNode', 'get', ['where' => [['is_local', '=', FALSE]], 'select' => ['id', 'name', 'identifier'], 'orderBy' => ['name' => 'ASC']]);
    $options = [];
    foreach ($nodes as $node) {
      // QuickForm writes the texts of options as they are.
      $options[$node['id']] = htmlspecialchars($node['name'] . ' (' . $node['identifier'] . ')');
    }
    $element = $this->add('select', 'remote_node_id', E::ts('Remote node'), ['' => E::ts('- select -')] + $options, TRUE);
    if ($this->recordId) {
      $element->freeze();
    }
    $this->assign('noRemote', $options === []);
  }

  private function addTypes(): void {
    $rows = [];
    foreach ($this->types as $number => $type) {
      foreach (self::DIRECTIONS as $direction) {
        $this->add('checkbox', $direction . '_' . $number, $type);
      }
      $rows[] = ['name' => $type, 'explicit' => TypeChoices::isExplicit($type), 'out' => 'types_out_' . $number, 'in' => 'types_in_' . $number] + $this->filterRow($type);
    }
    $this->assign('types', $rows);
  }

  /**
   * What goes out of a type, as a line, and where that is changed; empty for one that does not go out yet.
   */
  private function filterRow(string $type): array {
    $entry = $this->stored('types_out')[$type] ?? NULL;
    if ($entry === NULL) {
      return ['filter' => '', 'filterUrl' => ''];
    }
    $query = http_build_query(['reset' => 1, 'id' => $this->recordId, 'type' => $type]);
    return [
      'filter' => Filter::fromEntry($entry)?->sentence() ?? E::ts('all'),
      'filterUrl' => CRM_Utils_System::url('civicrm/admin/share/peering/filter', $query, FALSE, NULL, FALSE),
    ];
  }

  /**
   * What is too manifold for fields of its own, as JSON (docs/peering.md).
   */
  private function addDetails(): void {
    $titles = ['types_out_details' => E::ts('How types go out'), 'types_in_details' => E::ts('How types come in'), 'options' => E::ts('Options')];
    foreach ($titles as $field => $title) {
      $this->add('textarea', $field, $title, ['rows' => 4, 'cols' => 80, 'spellcheck' => 'false']);
    }
  }

  private function assignFacts(): void {
    $this->assign('secretDate', $this->peering['secret_date'] ?? NULL);
    $this->assign('identifier', LocalNode::identifier());
    $this->assign('endpoint', OwnAddress::endpoint());
  }

  public function setDefaultValues() {
    if (!$this->recordId) {
      return ['is_enabled' => 1, 'conflict_rule' => 'latest', 'delivery' => 'aggregate'] + $this->typeDefaults(NULL);
    }
    $defaults = array_intersect_key($this->peering, array_flip(['remote_node_id', 'endpoint_url', 'conflict_rule', 'delivery']));
    foreach (['is_simple', 'is_enabled'] as $field) {
      $defaults[$field] = (int) $this->peering[$field];
    }
    foreach (self::DIRECTIONS as $direction) {
      $defaults[$direction . '_details'] = self::pretty(array_filter($this->stored($direction)));
    }
    $defaults['options'] = self::pretty((array) ($this->peering['options'] ?? []));
    return $defaults + $this->typeDefaults($this->peering);
  }

  /**
   * @param array|null $peering
   *   NULL for a new one: nothing goes out or comes in that nobody has asked for.
   */
  private function typeDefaults(?array $peering): array {
    $defaults = [];
    foreach ($this->types as $number => $type) {
      foreach (self::DIRECTIONS as $direction) {
        $defaults[$direction . '_' . $number] = (int) ($peering !== NULL && array_key_exists($type, $this->stored($direction)));
      }
    }
    return $defaults;
  }

  /**
   * @param array $fields
   * @param array $files
   * @param CRM_Share_Form_Peering $form
   *
   * @return array|bool
   */
  public static function rule($fields, $files, $form) {
    try {
      $refusal = CRM_Share_BAO_ShareNodePeering::refusal(['id' => $form->recordId] + $form->values($fields));
    }
    catch (InvalidArgumentException $e) {
      $refusal = $e->getMessage();
    }
    return $refusal === NULL ? TRUE : ['_qf_default' => $refusal];
  }

  protected function carryOut(): void {
    $values = $this->values($this->exportValues());
    $this->forgetSecret();
    $this->save('ShareNodePeering', $values);
  }

  private function values(array $fields): array {
    $values = [
      'endpoint_url' => trim((string) $fields['endpoint_url']),
      'conflict_rule' => $fields['conflict_rule'],
      'delivery' => $fields['delivery'],
      'is_simple' => !empty($fields['is_simple']),
      'is_enabled' => !empty($fields['is_enabled']),
    ];
    foreach (self::DIRECTIONS as $direction) {
      $values[$direction] = $this->chosenTypes($direction, $fields);
    }
    $values['options'] = self::json(E::ts('Options'), (string) ($fields['options'] ?? ''));
    if (!$this->recordId) {
      $values['remote_node_id'] = (int) $fields['remote_node_id'];
    }
    if (trim((string) ($fields['secret'] ?? '')) !== '') {
      $values['secret'] = $fields['secret'];
    }
    return $values;
  }

  /**
   * The ticked types, with what is said of each.
   *
   * @throws \InvalidArgumentException
   *   The message is a sentence for a person.
   */
  private function chosenTypes(string $direction, array $fields): array {
    $details = self::json($direction === 'types_out' ? E::ts('How types go out') : E::ts('How types come in'), (string) ($fields[$direction . '_details'] ?? ''));
    $chosen = [];
    foreach ($this->types as $number => $type) {
      if (!empty($fields[$direction . '_' . $number])) {
        $chosen[$type] = (array) ($details[$type] ?? []);
      }
    }
    $unticked = array_diff_key($details, $chosen);
    if ($unticked !== []) {
      throw new InvalidArgumentException(E::ts('%1 is not ticked, and yet there are details of it.', [1 => key($unticked)]));
    }
    return TypeList::toList(array_map(function (string $type, array $entry): array {
      return ['type' => $type] + $entry;
    }, array_keys($chosen), $chosen));
  }

  private static function json(string $title, string $text): array {
    $decoded = trim($text) === '' ? [] : json_decode($text, TRUE);
    if (!is_array($decoded)) {
      throw new InvalidArgumentException(E::ts('%1: this is not JSON: %2.', [1 => $title, 2 => json_last_error_msg()]));
    }
    return $decoded;
  }

  private static function pretty(array $value): string {
    return $value === [] ? '' : (string) json_encode($value, JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE);
  }

  private function stored(string $direction): array {
    return TypeList::toEntries($this->peering[$direction] ?? []);
  }

}

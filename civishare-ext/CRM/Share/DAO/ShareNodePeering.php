<?php

use CRM_Share_ExtensionUtil as E;

/**
 * Database access object of ShareNodePeering. In the classic form, which every CiviCRM from 5.33 on understands.
 *
 * The columns secret and secret_new are left out on purpose: what no field leads to, no API, search or export can read.
 */
class CRM_Share_DAO_ShareNodePeering extends CRM_Core_DAO {

  const EXT = E::LONG_NAME;
  const TABLE_ADDED = '0.1';

  /**
   * @var string
   */
  public static $_tableName = 'civicrm_share_node_peering';

  /**
   * @var bool
   */
  public static $_log = FALSE;

  /**
   * @var int
   */
  public $id;

  /**
   * @var int
   */
  public $local_node_id;

  /**
   * @var int
   */
  public $remote_node_id;

  /**
   * @var string
   */
  public $endpoint_url;

  /**
   * @var string
   */
  public $secret_date;

  /**
   * @var string
   */
  public $secret_new_date;

  /**
   * @var string
   */
  public $secret_new_ours_date;

  /**
   * @var string
   */
  public $secret_new_theirs_date;

  /**
   * @var bool
   */
  public $is_enabled;

  /**
   * @var string
   */
  public $ended_date;

  /**
   * @var string
   */
  public $types_out;

  /**
   * @var string
   */
  public $types_in;

  /**
   * @var string
   */
  public $conflict_rule;

  /**
   * @var string
   */
  public $delivery;

  /**
   * @var bool
   */
  public $is_simple;

  /**
   * @var string
   */
  public $options;

  /**
   * @var string
   */
  public $created_date;

  public function __construct() {
    $this->__table = self::$_tableName;
    parent::__construct();
  }

  /**
   * @param bool $plural
   */
  public static function getEntityTitle($plural = FALSE): string {
    return $plural ? E::ts('CiviShare peerings') : E::ts('CiviShare peering');
  }

  /**
   * @return CRM_Core_Reference_Interface[]
   */
  public static function getReferenceColumns(): array {
    if (!isset(Civi::$statics[__CLASS__]['links'])) {
      Civi::$statics[__CLASS__]['links'] = static::createReferenceColumns(__CLASS__);
      Civi::$statics[__CLASS__]['links'][] = new CRM_Core_Reference_Basic(self::getTableName(), 'local_node_id', 'civicrm_share_node', 'id');
      Civi::$statics[__CLASS__]['links'][] = new CRM_Core_Reference_Basic(self::getTableName(), 'remote_node_id', 'civicrm_share_node', 'id');
      CRM_Core_DAO_AllCoreTables::invoke(__CLASS__, 'links_callback', Civi::$statics[__CLASS__]['links']);
    }
    return Civi::$statics[__CLASS__]['links'];
  }

  public static function &fields(): array {
    if (!isset(Civi::$statics[__CLASS__]['fields'])) {
      Civi::$statics[__CLASS__]['fields'] = self::buildFields();
      CRM_Core_DAO_AllCoreTables::invoke(__CLASS__, 'fields_callback', Civi::$statics[__CLASS__]['fields']);
    }
    return Civi::$statics[__CLASS__]['fields'];
  }

  private static function buildFields(): array {
    $fields = [
      'id' => [
        'type' => CRM_Utils_Type::T_INT,
        'title' => E::ts('ID'),
        'required' => TRUE,
      ],
      'local_node_id' => [
        'type' => CRM_Utils_Type::T_INT,
        'title' => E::ts('Local node'),
        'description' => E::ts('The node that this site is. Left out: the one local node.'),
        'FKClassName' => 'CRM_Share_DAO_ShareNode',
        'html' => ['type' => 'EntityRef'],
      ],
      'remote_node_id' => [
        'type' => CRM_Utils_Type::T_INT,
        'title' => E::ts('Remote node'),
        'description' => E::ts('The node that this site shares with.'),
        'required' => TRUE,
        'FKClassName' => 'CRM_Share_DAO_ShareNode',
        'html' => ['type' => 'EntityRef'],
      ],
      'endpoint_url' => [
        'type' => CRM_Utils_Type::T_STRING,
        'title' => E::ts('Endpoint URL'),
        'description' => E::ts('Where the remote node takes messages.'),
        'maxlength' => 2048,
        'size' => CRM_Utils_Type::HUGE,
        'html' => ['type' => 'Text'],
      ],
      'secret_date' => [
        'type' => CRM_Utils_Type::T_DATE + CRM_Utils_Type::T_TIME,
        'title' => E::ts('Secret set on'),
        'description' => E::ts('When the shared secret was set. Empty means that there is none.'),
        'readonly' => TRUE,
      ],
      'secret_new_date' => [
        'type' => CRM_Utils_Type::T_DATE + CRM_Utils_Type::T_TIME,
        'title' => E::ts('Change of secret begun on'),
        'description' => E::ts('Empty means that none is under way.'),
        'readonly' => TRUE,
      ],
      'secret_new_ours_date' => [
        'type' => CRM_Utils_Type::T_DATE + CRM_Utils_Type::T_TIME,
        'title' => E::ts('New secret answered on'),
        'description' => E::ts('When the remote node answered under the new secret.'),
        'readonly' => TRUE,
      ],
      'secret_new_theirs_date' => [
        'type' => CRM_Utils_Type::T_DATE + CRM_Utils_Type::T_TIME,
        'title' => E::ts('New secret used on'),
        'description' => E::ts('When the remote node last used the new secret by itself.'),
        'readonly' => TRUE,
      ],
      'is_enabled' => [
        'type' => CRM_Utils_Type::T_BOOLEAN,
        'title' => E::ts('Enabled'),
        'required' => TRUE,
        'default' => '1',
        'html' => ['type' => 'CheckBox'],
      ],
      'ended_date' => [
        'type' => CRM_Utils_Type::T_DATE + CRM_Utils_Type::T_TIME,
        'title' => E::ts('Ended on'),
        'description' => E::ts('When the peering was ended. For 90 days the remote node is told so.'),
      ],
      'types_out' => [
        'type' => CRM_Utils_Type::T_TEXT,
        'title' => E::ts('Change types out'),
        'description' => E::ts('List of what goes out: type and, if not all, attributes.'),
        'serialize' => self::SERIALIZE_JSON,
      ],
      'types_in' => [
        'type' => CRM_Utils_Type::T_TEXT,
        'title' => E::ts('Change types in'),
        'description' => E::ts('List of what comes in: type and, if not all, attributes.'),
        'serialize' => self::SERIALIZE_JSON,
      ],
      'conflict_rule' => [
        'type' => CRM_Utils_Type::T_STRING,
        'title' => E::ts('Conflict rule'),
        'required' => TRUE,
        'maxlength' => 16,
        'default' => 'latest',
        'pseudoconstant' => ['callback' => 'CRM_Share_BAO_ShareNodePeering::conflictRules'],
        'html' => ['type' => 'Select'],
      ],
      'delivery' => [
        'type' => CRM_Utils_Type::T_STRING,
        'title' => E::ts('Delivery'),
        'required' => TRUE,
        'maxlength' => 16,
        'default' => 'aggregate',
        'pseudoconstant' => ['callback' => 'CRM_Share_BAO_ShareNodePeering::deliveries'],
        'html' => ['type' => 'Select'],
      ],
      'is_simple' => [
        'type' => CRM_Utils_Type::T_BOOLEAN,
        'title' => E::ts('Simple peer'),
        'description' => E::ts('Takes messages in the shape of the founding example.'),
        'required' => TRUE,
        'default' => '0',
        'html' => ['type' => 'CheckBox'],
      ],
      'options' => [
        'type' => CRM_Utils_Type::T_TEXT,
        'title' => E::ts('Options'),
        'description' => E::ts('Matching rule, conflict rules of single change types and the like.'),
        'serialize' => self::SERIALIZE_JSON,
      ],
      'created_date' => [
        'type' => CRM_Utils_Type::T_DATE + CRM_Utils_Type::T_TIME,
        'title' => E::ts('Created on'),
        'readonly' => TRUE,
      ],
    ];
    foreach ($fields as $name => &$field) {
      $field += [
        'name' => $name,
        'where' => self::$_tableName . '.' . $name,
        'table_name' => self::$_tableName,
        'entity' => 'ShareNodePeering',
        'bao' => 'CRM_Share_BAO_ShareNodePeering',
        'localizable' => 0,
        'add' => '0.1',
      ];
    }
    return $fields;
  }

  public static function &fieldKeys(): array {
    if (!isset(Civi::$statics[__CLASS__]['fieldKeys'])) {
      Civi::$statics[__CLASS__]['fieldKeys'] = array_flip(CRM_Utils_Array::collect('name', self::fields()));
    }
    return Civi::$statics[__CLASS__]['fieldKeys'];
  }

  public static function getTableName(): string {
    return self::$_tableName;
  }

  public function getLog(): bool {
    return self::$_log;
  }

  /**
   * @param bool $localize
   *
   * @return array[]
   */
  public static function indices($localize = TRUE): array {
    $indices = [
      'UI_local_remote' => [
        'name' => 'UI_local_remote',
        'field' => ['local_node_id', 'remote_node_id'],
        'localizable' => FALSE,
        'unique' => TRUE,
        'sig' => 'civicrm_share_node_peering::1::local_node_id::remote_node_id',
      ],
    ];
    return $localize ? CRM_Core_DAO_AllCoreTables::multilingualize(__CLASS__, $indices) : $indices;
  }

}

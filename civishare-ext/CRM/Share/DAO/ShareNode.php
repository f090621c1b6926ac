<?php

use CRM_Share_ExtensionUtil as E;

/**
 * Database access object of ShareNode. In the classic form, which every CiviCRM from 5.33 on understands.
 */
class CRM_Share_DAO_ShareNode extends CRM_Core_DAO {

  const EXT = E::LONG_NAME;
  const TABLE_ADDED = '0.1';

  /**
   * @var string
   */
  public static $_tableName = 'civicrm_share_node';

  /**
   * @var bool
   */
  public static $_log = FALSE;

  /**
   * @var int
   */
  public $id;

  /**
   * @var string
   */
  public $name;

  /**
   * @var string
   */
  public $identifier;

  /**
   * @var bool
   */
  public $is_local;

  /**
   * @var string
   */
  public $description;

  /**
   * @var bool
   */
  public $is_enabled;

  public function __construct() {
    $this->__table = self::$_tableName;
    parent::__construct();
  }

  /**
   * @param bool $plural
   */
  public static function getEntityTitle($plural = FALSE): string {
    return $plural ? E::ts('CiviShare nodes') : E::ts('CiviShare node');
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
      'name' => [
        'type' => CRM_Utils_Type::T_STRING,
        'title' => E::ts('Name'),
        'description' => E::ts('What people call the site.'),
        'required' => TRUE,
        'maxlength' => 128,
        'size' => CRM_Utils_Type::HUGE,
        'html' => ['type' => 'Text'],
      ],
      'identifier' => [
        'type' => CRM_Utils_Type::T_STRING,
        'title' => E::ts('Identifier'),
        'description' => E::ts('URL-like name of the node in the whole network, the same on every site.'),
        'required' => TRUE,
        'maxlength' => 255,
        'size' => CRM_Utils_Type::HUGE,
        'html' => ['type' => 'Text'],
      ],
      'is_local' => [
        'type' => CRM_Utils_Type::T_BOOLEAN,
        'title' => E::ts('Is this site'),
        'description' => E::ts('Is it the name of this very site?'),
        'required' => TRUE,
        'default' => '0',
        'html' => ['type' => 'CheckBox'],
      ],
      'description' => [
        'type' => CRM_Utils_Type::T_TEXT,
        'title' => E::ts('Description'),
        'html' => ['type' => 'TextArea'],
      ],
      'is_enabled' => [
        'type' => CRM_Utils_Type::T_BOOLEAN,
        'title' => E::ts('Enabled'),
        'required' => TRUE,
        'default' => '1',
        'html' => ['type' => 'CheckBox'],
      ],
    ];
    foreach ($fields as $name => &$field) {
      $field += [
        'name' => $name,
        'where' => self::$_tableName . '.' . $name,
        'table_name' => self::$_tableName,
        'entity' => 'ShareNode',
        'bao' => 'CRM_Share_BAO_ShareNode',
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
      'UI_identifier' => [
        'name' => 'UI_identifier',
        'field' => ['identifier'],
        'localizable' => FALSE,
        'unique' => TRUE,
        'sig' => 'civicrm_share_node::1::identifier',
      ],
    ];
    return $localize ? CRM_Core_DAO_AllCoreTables::multilingualize(__CLASS__, $indices) : $indices;
  }

}

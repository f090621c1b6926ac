<?php
declare(strict_types = 1);

namespace Civi\Api4\Action\ShareNodePeering;

use Civi\Api4\Generic\DAOGetFieldsAction;
use CRM_Share_ExtensionUtil as E;

/**
 * The fields of a peering and, for actions that write, its secret, which is no field of the DAO.
 */
final class GetFields extends DAOGetFieldsAction {

  const WRITING = ['create', 'update'];

  protected function getRecords(): array {
    $fields = parent::getRecords();
    if (in_array($this->getAction(), self::WRITING, TRUE)) {
      $fields['secret'] = [
        'name' => 'secret',
        'title' => E::ts('Shared secret'),
        'description' => E::ts('The same on both sites. Can be set but not read.'),
        'data_type' => 'String',
        'input_type' => 'Password',
        'required' => FALSE,
        'options' => FALSE,
        'serialize' => NULL,
        'default_value' => NULL,
      ];
    }
    return $fields;
  }

}

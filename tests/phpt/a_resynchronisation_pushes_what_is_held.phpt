--TEST--
A resynchronisation pushes the versions that are held and mints none; pushed twice it is the same change
--FILE--
<?php
require __DIR__ . '/support.inc';
use CiviShare\Core;

$settled = Core::settle(edit(['rows' => [['id' => 7, 'time' => 1729706928201, 'attributes' => ['first_name']]]]));
$facts = [
  'node' => NODE,
  'instance' => INSTANCE,
  'row' => 312,
  'type' => 'civishare.change.contact.base',
  'entity' => 'Contact',
  'reference' => '312',
  'time' => 1729706930000,
  'state' => $settled['state'],
  'peering' => 2,
  'all' => ['first_name' => 'Carl', 'nick_name' => NULL],
  'defaults' => [],
];
$pushed = Core::push($facts);
$change = json_decode($pushed['changes'][0]['text'], TRUE);
echo $change['operation'], ' ', json_encode($pushed['changes'][0]['targets']), "\n";
foreach ($change['attribute_changes'] as $attribute) {
  echo $attribute['name'], ' ', $attribute['to'], ' ', $attribute['version'], "\n";
}
var_dump(Core::push(['state' => $pushed['state']] + $facts)['changes'][0]['id'] === $pushed['changes'][0]['id']);
show('no state', fn() => Core::push(['state' => NULL] + $facts));
show('nothing to mend', fn() => Core::mend($settled['state'], 1729706928201, NODE));
$mended = Core::mend($settled['state'], 1729706928201 - 7200000, NODE);
echo json_decode($mended, TRUE)['v']['first_name'], "\n";
show('no state to mend', fn() => Core::mend('x', 1, NODE));
?>
--EXPECTF--
create [2]
first_name Carl 1729706928201.%d@https://alpha.example.org
bool(true)
no state → CiviShare\ArgumentException: push: state must be what is kept of the entity
nothing to mend → null
1729699728201.%d@https://alpha.example.org
no state to mend → CiviShare\Exception: the stored state of an entity is damaged (expected value at line 1 column 1): restore civicrm_share_entity from a backup, or delete the row and synchronise anew

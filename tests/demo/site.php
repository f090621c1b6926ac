<?php
/**
 * What the demo does on one site. Runs bootstrapped in CiviCRM, as an administrator: site.php WORD argument…
 *
 * Prints one line, which the next step takes as it is.
 */
use Civi\Api4\Contact;
use Civi\Api4\ShareNode;
use Civi\Api4\ShareNodePeering;

const TYPE = 'civishare.change.contact.base';

$words = [
  'install' => function (): string {
    civicrm_api3('Extension', 'refresh', ['local' => TRUE, 'remote' => FALSE]);
    civicrm_api3('Extension', 'install', ['keys' => ['civishare']]);
    return 'installed';
  },
  // The address at which this site takes messages.
  'endpoint' => function (): string {
    return \Civi\Share\Admin\OwnAddress::endpoint();
  },
  'secret' => function (): string {
    return \CiviShare\Core::newSecret();
  },
  'link' => function (string $own, string $ownName, string $other, string $otherName, string $endpoint, string $secret): string {
    $node = function (string $identifier, string $name, bool $local): int {
      $known = ShareNode::get(FALSE)->addWhere('identifier', '=', $identifier)->execute()->first();
      return (int) ($known['id'] ?? ShareNode::create(FALSE)
        ->setValues(['identifier' => $identifier, 'name' => $name, 'is_local' => $local, 'is_enabled' => TRUE])
        ->execute()->first()['id']);
    };
    $local = $node($own, $ownName, TRUE);
    $remote = $node($other, $otherName, FALSE);
    if (ShareNodePeering::get(FALSE)->addWhere('remote_node_id', '=', $remote)->execute()->count() > 0) {
      return 'linked already';
    }
    ShareNodePeering::create(FALSE)->setValues([
      'local_node_id' => $local,
      'remote_node_id' => $remote,
      'endpoint_url' => $endpoint,
      'secret' => $secret,
      'is_enabled' => TRUE,
      'types_out' => [TYPE],
      'types_in' => [TYPE],
    ])->execute();
    return 'linked';
  },
  'create' => function (string $first, string $last): string {
    $values = ['contact_type' => 'Individual', 'first_name' => $first, 'last_name' => $last];
    return (string) Contact::create(FALSE)->setValues($values)->execute()->first()['id'];
  },
  'rename' => function (string $id, string $first): string {
    Contact::update(FALSE)->addWhere('id', '=', (int) $id)->addValue('first_name', $first)->execute();
    return $first;
  },
  'job' => function (string $name): string {
    $result = civicrm_api3('Job', "civishare_$name", []);
    return is_string($result['values']) ? $result['values'] : json_encode($result['values'], JSON_UNESCAPED_UNICODE);
  },
  'setting' => function (string $name, string $value): string {
    \Civi::settings()->set($name, $value);
    return $value;
  },
  'find' => function (string $last): string {
    $found = Contact::get(FALSE)->addSelect('id', 'first_name', 'last_name')->addWhere('last_name', '=', $last)->execute()->first();
    return $found ? "{$found['first_name']} {$found['last_name']} (contact {$found['id']})" : '';
  },
];

$arguments = array_slice($argv, 1);
$word = array_shift($arguments);
try {
  echo $words[$word](...$arguments), "\n";
}
catch (\Throwable $e) {
  fwrite(STDERR, "demo: $word: " . $e->getMessage() . "\n");
  exit(1);
}

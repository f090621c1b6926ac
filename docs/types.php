<?php

/**
 * Prints the table of change types from their declarations: php docs/types.php > docs/types.md
 *
 * With --check it says whether docs/types.md is the one that it would print.
 */

declare(strict_types = 1);

$types = [];
foreach (glob(__DIR__ . '/../civishare-ext/types/*.php') as $file) {
  $type = require $file;
  $doc = preg_match('~/\*\*\n \* (.*?)\n \*/~s', file_get_contents($file), $match) ? preg_replace('/\s*\n \*\s*/', ' ', $match[1]) : '';
  $types[$type['name']] = $type + ['doc' => trim(explode('. ', $doc . ' ')[0], '. ')];
}
ksort($types);

$rows = '';
foreach ($types as $name => $type) {
  $attributes = $refers = [];
  foreach ($type['attributes'] as $attribute => $spec) {
    if ($spec['kind'] === 'reference') {
      $mark = ($spec['required'] ?? FALSE) ? '**' : '';
      $refers[] = "$mark$attribute$mark → " . ($spec['refers'] ?? implode(', ', array_unique($spec['targets'] ?? ['whatever is shared'])));
    }
    else {
      $attributes[] = $attribute;
    }
  }
  $keys = array_map(fn($key) => implode(' + ', $key), array_merge($type['unique'] ?? [], $type['match'] ?? []));
  $doc = $type['doc'] . (empty($type['explicit']) ? '' : '. **Only where a person has asked for it: who has it let in lets the other site decide who may see and edit what**');
  $rows .= "| `$name` | $doc | " . implode(', ', $attributes) . ($type['custom'] ?? [] ? ', custom fields' : '') . ' | ' . implode(', ', $refers) . ' | ' .
    implode('; ', $keys) . " |\n";
}

$text = <<<MD
# Change types

Generated from `civishare-ext/types/` by `php docs/types.php > docs/types.md`.

A peering lets each type out, in, both or neither. An entity arrives when what it can not be without (bold) has arrived; any other
reference follows when its target does. Sharing a type without what it refers to leaves those references empty; without what it
requires, it is not told. What is deleted takes along what belongs to it, as over here.

Where a component or an extension is switched off, its types are not shared, and System Status says so. Records of custom fields that
there may be several of have a type for each set, called `civishare.change.custom_value.` and the set's name in lower case. A peering may name
it before the set is there. A file goes as a data URI up to the size in the settings (500 kB), a larger one by its name alone; contacts' pictures stay.
Contributions arrive with one line over their total and the transactions that CiviCRM makes of it; how a price set divides it stays on the
site that has taken it. A mailing is a draft on every other site, without recipients.

A new entity from a peer is linked with one of this site that agrees in a key; contacts are linked by the peering's matching rule alone.

| type | what | attributes | refers to | key |
| --- | --- | --- | --- | --- |
$rows
## A type of your own

An extension adds types by a hook. The declaration is what the files in `civishare-ext/types/` return:

```php
function myextension_civishare_types(&\$types) {
  \$types['org.example.change.boat.base'] = [
    'name' => 'org.example.change.boat.base',
    'entity' => 'Boat',
    'dao' => 'CRM_Boats_DAO_Boat',
    'table' => 'civicrm_boat',
    'unique' => [['registration']],
    'attributes' => [
      'owner_id' => ['kind' => 'reference', 'refers' => 'Contact', 'required' => TRUE, 'parent' => TRUE],
      'registration' => ['kind' => 'string'],
      'length' => ['kind' => 'decimal'],
      'is_afloat' => ['kind' => 'bool', 'default' => FALSE],
    ],
  ];
}
```

| member | meaning |
| --- | --- |
| `name` | the type's name on the wire |
| `entity`, `dao`, `table`, `key` | the entity in CiviCRM's API, its class, its table, the column of its ID (`id`) |
| `objects` | names under which hooks speak of it (the entity's) |
| `custom` | what a custom group extends whose fields belong to it |
| `attributes` | name in the API => what it is, below |
| `unique`, `match` | lists of attributes that tell an entity; `unique` also finds one that is shared already. The first of them must have a value |
| `writer` | `api4` or `api3`, where the choice is not to be left to CiviShare, or a class that implements `\\Civi\\Share\\Apply\\Writes`, such as `\\Civi\\Share\\Apply\\DaoWriter` |
| `create`, `write` | what the API is told besides on creation, and always |
| `keep` | columns that an update names in any case, because CiviCRM takes what is not named for empty |
| `stand_in` | lists of references without which CiviCRM creates no row; it may be without them all the same |
| `explicit` | never shared along with everything: a person has to name it, and the screen warns |
| `alone` | writing it changes the database's schema |
| `slot`, `twins` | where two contacts are merged and each has a row with the same values in these columns, it is one row from now on: `slot` names them where CiviCRM leaves that of the absorbed contact behind, `twins` where it deletes it, by the column that refers to the contact |
| `distinct` | references to two contacts: once these have been merged, CiviCRM drops what linked them |
| `odd_hooks` | hooks name something else than the row |
| `about` | references: where a filter bears on what they lead to, the entity goes only where one of the first list goes that holds any |

| of an attribute | meaning |
| --- | --- |
| `kind` | string, bool, int, decimal, date, time, option, reference, serialized, json, field (a custom field by its name) or file (a data URI) |
| `column` | its column, where it is not the name up to the colon |
| `options`, `multiple` | the option group (or `@country`, `@location_type` …); whether the column holds several |
| `default` | what the column holds if nobody has set it |
| `refers`, or `by` | the entity that a reference names, or the column that holds its table; if that column is empty, nothing is referred to |
| `targets`, `target_options` | if that column holds something else: what it holds => entity; the option group, if these are names of options |
| `required`, `parent` | the row can not be without it; it goes when that one goes |
| `zero` | the number 0 stands for all that it could refer to |
| `through` | a list of references that are rows of another table |
| `follows` | CiviCRM keeps it in order by itself when other rows are written |
| `single` | of the rows of one parent at most one has it; where several were told so, the one with the latest word for it |
| `apart` | CiviCRM takes it from the other rows of the parent by some saves and not by others, so each row has what was told of it |
| `chosen` | of the rows of one parent one has it, as an email address is the primary one; only that it is told, with the latest word for it |
| `exact` | CiviCRM sets it by itself when the row is saved, so it is written once more afterwards |
| `privacy` | of two linked contacts the stricter value stays |
| `markup` | rich text |

MD;

if (in_array('--check', $argv, TRUE)) {
  if ($text !== (string) @file_get_contents(__DIR__ . '/types.md')) {
    fwrite(STDERR, "docs/types.md is old: php docs/types.php > docs/types.md\n");
    exit(1);
  }
  exit(0);
}
echo $text;

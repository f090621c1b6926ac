<?php
/**
 * Edits of all kinds, chosen at random, by API v4 where CiviCRM has it. Evaluated in the site; gives a line for each edit.
 *
 * Contacts bear in legal_identifier, activities in location and groups in source what nothing changes afterwards, so that both sites can
 * be compared by something that CiviShare has not made.
 *
 * @var string $mark
 *   With what these begin.
 * @var string $site
 * @var int $first
 *   Number of the first edit.
 * @var int $count
 * @var int $seed
 * @var array<string, int> $weights
 *   Kind of edit => how often, in relation to the others.
 * @var string[] $absorbed
 *   Contacts that have been merged into another one, on either site.
 */
$random = new \Random\Randomizer(new \Random\Engine\Mt19937($seed));
$one = function (array $from) use ($random) {
  return $from === [] ? NULL : array_values($from)[$random->getInt(0, count($from) - 1)];
};
$chance = function (int $percent) use ($random): bool {
  return $random->getInt(1, 100) <= $percent;
};
$api = function (string $entity, string $action, array $params) {
  return civicrm_api4($entity, $action, ['checkPermissions' => FALSE] + $params);
};
$rows = function (string $entity, array $where, array $select) use ($api): array {
  return $api($entity, 'get', ['where' => $where, 'select' => $select, 'orderBy' => ['id' => 'ASC']])->getArrayCopy();
};
$names = ['Anna', 'Bert', 'Çelik', 'Dörte', 'Éva', 'Ferdinand <F>', 'O\'Grady & Sons', 'ivan', 'Ivan', 'Zoë 🙂'];
$contacts = function (?string $type = NULL, bool $deleted = FALSE) use ($rows, $mark, &$absorbed): array {
  $where = [['legal_identifier', 'LIKE', "$mark %"], ['is_deleted', '=', $deleted], ['legal_identifier', 'NOT IN', array_merge([''], $absorbed)]];
  if ($type !== NULL) {
    $where[] = ['contact_type', '=', $type];
  }
  return $rows('Contact', $where, ['id', 'legal_identifier', 'contact_type']);
};
$key = function (?array $contact): string {
  return (string) ($contact['legal_identifier'] ?? '');
};
// What hangs on one contact: entity => values that a new one or a changed one may have.
$parts = [
  'Email' => ['email' => ['a@example.org', 'b@example.org', 'C@example.org', 'dörte@example.org'], 'location_type_id' => [1, 2], 'is_primary' => [TRUE, FALSE], 'on_hold' => [0, 0, 1], 'is_bulkmail' => [FALSE, TRUE], 'signature_text' => [NULL, 'Best, A']],
  'Phone' => ['phone' => ['030 1', '030 2', '+49 30 3'], 'phone_type_id' => [1, 2], 'location_type_id' => [1, 2], 'is_primary' => [TRUE, FALSE], 'phone_ext' => [NULL, '7']],
  'Address' => ['street_address' => ['Weg 1', 'Weg <2>', 'Gasse 3'], 'city' => ['Köln', 'Bonn', NULL], 'postal_code' => ['50667', '53111', NULL], 'country_id' => [1082, 1014, NULL], 'location_type_id' => [1, 2], 'is_primary' => [TRUE, FALSE], 'is_billing' => [FALSE, TRUE]],
  'IM' => ['name' => ['im1', 'im2'], 'provider_id' => [1, 2], 'location_type_id' => [1, 2], 'is_primary' => [TRUE, FALSE]],
  'Website' => ['url' => ['https://example.org/1', 'https://example.org/2?a=1&b=2'], 'website_type_id' => [1, 2]],
];
$some = function (array $choices, int $percent) use ($one, $chance): array {
  $values = [];
  foreach ($choices as $name => $from) {
    if ($chance($percent)) {
      $values[$name] = $one($from);
    }
  }
  return $values;
};
$whole = function (array $choices) use ($one): array {
  return array_filter(array_map($one, $choices), fn($value) => $value !== NULL);
};
$person = [
  'first_name' => $names, 'last_name' => $names, 'middle_name' => [NULL, 'M.'], 'birth_date' => ['1970-01-01', '2000-02-29', NULL], 'gender_id' => [1, 2, NULL],
  'prefix_id' => [1, 3, NULL], 'job_title' => ['Baker', 'Smith <&>', NULL], 'is_deceased' => [FALSE, FALSE, TRUE],
];
$any = [
  'nick_name' => ['Nick', NULL, 'nick'], 'source' => ['one', 'two', NULL], 'do_not_email' => [TRUE, FALSE], 'do_not_phone' => [TRUE, FALSE], 'is_opt_out' => [TRUE, FALSE],
  'preferred_language' => ['de_DE', 'en_US', NULL], 'preferred_communication_method' => [[1], [1, 2], NULL],
];
$organization = ['organization_name' => array_map(fn($name) => "$name Ltd", $names), 'legal_name' => [NULL, 'Legal']];
$household = ['household_name' => array_map(fn($name) => "The $name", $names)];
$of = ['Individual' => $person + $any, 'Organization' => $organization + $any, 'Household' => $household + $any];
$groups = fn() => $rows('Group', [['source', 'LIKE', "$mark %"]], ['id', 'title', 'source']);
$tags = fn() => $rows('Tag', [['name', 'LIKE', "$mark %"]], ['id', 'name']);
$relationshipTypes = array_column($rows('RelationshipType', [['name_a_b', 'IN', ['Sibling of', 'Spouse of', 'Supervised by', 'Case Coordinator is']]], ['id', 'name_a_b']), 'id');
$ofContacts = function (string $entity, string $column = 'contact_id') use ($rows, $contacts): array {
  return $rows($entity, [[$column, 'IN', array_merge([0], array_column($contacts(), 'id'))]], ['*']);
};

$edits = [
  'contact.create' => function (int $number) use ($api, $one, $of, $whole, $some, $mark, $site, $chance) {
    $type = $one(['Individual', 'Individual', 'Individual', 'Organization', 'Household']);
    $key = sprintf('%s %s%05d', $mark, $site, $number);
    $values = ($type === 'Individual' ? ['first_name' => 'New', 'last_name' => $key] : [strtolower($type) . '_name' => $key]) + array_filter($some($of[$type], 40), fn($value) => $value !== NULL);
    $api('Contact', 'create', ['values' => ['contact_type' => $type, 'legal_identifier' => $key] + $values]);
    return "$key " . json_encode($values, JSON_UNESCAPED_UNICODE);
  },
  'contact.update' => function () use ($api, $one, $of, $some, $contacts, $key) {
    $contact = $one($contacts());
    $values = $some($of[$contact['contact_type']], 15);
    if ($values === []) {
      return NULL;
    }
    $api('Contact', 'update', ['where' => [['id', '=', $contact['id']]], 'values' => $values]);
    return $key($contact) . ' ' . json_encode($values, JSON_UNESCAPED_UNICODE);
  },
  'contact.employer' => function () use ($api, $one, $contacts, $key, $chance) {
    $contact = $one($contacts('Individual'));
    $employer = $chance(25) ? NULL : $one($contacts('Organization'));
    if ($contact === NULL) {
      return NULL;
    }
    // Version 4 of 5.33 would make a nameless organization the employer, if told NULL.
    civicrm_api3('Contact', 'create', ['id' => $contact['id'], 'contact_type' => 'Individual', 'employer_id' => $employer['id'] ?? '']);
    return $key($contact) . ' at ' . $key($employer);
  },
  'contact.trash' => function () use ($one, $contacts, $key) {
    $contact = $one($contacts());
    civicrm_api3('Contact', 'delete', ['id' => $contact['id']]);
    return $key($contact);
  },
  'contact.restore' => function () use ($one, $contacts, $key) {
    $contact = $one($contacts(NULL, TRUE));
    if ($contact === NULL) {
      return NULL;
    }
    CRM_Contact_BAO_Contact::deleteContact($contact['id'], TRUE);
    return $key($contact);
  },
  'contact.delete' => function () use ($one, $contacts, $key) {
    $contact = $one(array_merge($contacts(), $contacts(NULL, TRUE)));
    civicrm_api3('Contact', 'delete', ['id' => $contact['id'], 'skip_undelete' => TRUE]);
    return $key($contact);
  },
  'contact.merge' => function () use ($one, $contacts, $key, &$absorbed) {
    $survivor = $one($contacts());
    $gone = $one(array_filter($contacts($survivor['contact_type']), fn($contact) => $contact['id'] !== $survivor['id']));
    if ($gone === NULL) {
      return NULL;
    }
    $result = civicrm_api3('Contact', 'merge', ['to_keep_id' => $survivor['id'], 'to_remove_id' => $gone['id'], 'mode' => 'aggressive', 'check_permissions' => 0]);
    if (empty($result['values']['merged'])) {
      throw new Exception('not merged');
    }
    $absorbed[] = $key($gone);
    return $key($survivor) . ' absorbs ' . $key($gone);
  },
  'group.create' => function (int $number) use ($api, $mark, $site) {
    $api('Group', 'create', ['values' => ['title' => "$mark $site$number", 'source' => "$mark $site$number"]]);
    return "$mark $site$number";
  },
  'group.update' => function () use ($api, $one, $groups, $random) {
    $group = $one($groups());
    $values = ['description' => 'Described ' . $random->getInt(1, 99), 'visibility' => $one(['User and User Admin Only', 'Public Pages'])];
    $api('Group', 'update', ['where' => [['id', '=', $group['id']]], 'values' => $values]);
    return $group['source'] . ' ' . json_encode($values);
  },
  'group.add' => function () use ($one, $groups, $contacts, $key) {
    [$group, $contact] = [$one($groups()), $one($contacts())];
    $ids = [$contact['id']];
    CRM_Contact_BAO_GroupContact::addContactsToGroup($ids, $group['id'], 'API', 'Added');
    return $key($contact) . ' to ' . $group['source'];
  },
  'group.remove' => function () use ($one, $groups, $contacts, $key, $chance, $ofContacts) {
    $member = $one(array_filter($ofContacts('GroupContact'), fn($row) => $row['status'] === 'Added'));
    if ($member === NULL) {
      return NULL;
    }
    $ids = [$member['contact_id']];
    CRM_Contact_BAO_GroupContact::removeContactsFromGroup($ids, $member['group_id'], 'API', $chance(75) ? 'Removed' : 'Deleted');
    return "contact {$member['contact_id']} from group {$member['group_id']}";
  },
  'tag.add' => function () use ($api, $one, $tags, $contacts, $key) {
    [$tag, $contact] = [$one($tags()), $one($contacts())];
    $ids = [$contact['id']];
    CRM_Core_BAO_EntityTag::addEntitiesToTag($ids, $tag['id'], 'civicrm_contact', FALSE);
    return $key($contact) . ' ' . $tag['name'];
  },
  'tag.remove' => function () use ($one, $rows, $contacts) {
    $row = $one($rows('EntityTag', [['entity_table', '=', 'civicrm_contact'], ['entity_id', 'IN', array_merge([0], array_column($contacts(), 'id'))]], ['*']));
    if ($row === NULL) {
      return NULL;
    }
    $ids = [$row['entity_id']];
    CRM_Core_BAO_EntityTag::removeEntitiesFromTag($ids, $row['tag_id'], 'civicrm_contact', FALSE);
    return "contact {$row['entity_id']} from tag {$row['tag_id']}";
  },
  'relationship.create' => function () use ($api, $one, $contacts, $key, $relationshipTypes) {
    [$a, $b] = [$one($contacts('Individual')), $one($contacts('Individual'))];
    if ($a === NULL || $a['id'] === $b['id']) {
      return NULL;
    }
    $values = ['contact_id_a' => $a['id'], 'contact_id_b' => $b['id'], 'relationship_type_id' => $one($relationshipTypes), 'description' => $one(['so', 'thus'])];
    $api('Relationship', 'create', ['values' => $values]);
    return $key($a) . ' ' . $key($b) . ' ' . json_encode($values);
  },
  'relationship.update' => function () use ($api, $one, $ofContacts) {
    $row = $one($ofContacts('Relationship', 'contact_id_a'));
    if ($row === NULL) {
      return NULL;
    }
    $values = $one([['description' => 'changed'], ['is_active' => !$row['is_active']], ['start_date' => '2020-01-01'], ['is_permission_a_b' => 1]]);
    $api('Relationship', 'update', ['where' => [['id', '=', $row['id']]], 'values' => $values]);
    return "relationship {$row['id']} " . json_encode($values);
  },
  'relationship.delete' => function () use ($api, $one, $ofContacts) {
    $row = $one($ofContacts('Relationship', 'contact_id_a'));
    if ($row === NULL) {
      return NULL;
    }
    $api('Relationship', 'delete', ['where' => [['id', '=', $row['id']]]]);
    return "relationship {$row['id']}";
  },
  'activity.create' => function (int $number) use ($api, $one, $contacts, $key, $mark, $site) {
    [$source, $target] = [$one($contacts()), $one($contacts())];
    $values = ['activity_type_id' => $one([1, 2]), 'subject' => "Met $number", 'location' => sprintf('%s %s%05d', $mark, $site, $number), 'activity_date_time' => '2022-05-06 07:08:09'];
    $api('Activity', 'create', ['values' => $values + ['source_contact_id' => $source['id'], 'target_contact_id' => [$target['id']]]]);
    return $values['location'] . ' of ' . $key($source) . ' with ' . $key($target);
  },
  'activity.update' => function () use ($api, $one, $some, $rows, $mark, $contacts, $chance) {
    $activity = $one($rows('Activity', [['location', 'LIKE', "$mark %"]], ['id', 'location']));
    if ($activity === NULL) {
      return NULL;
    }
    $values = $some(['subject' => ['Met', 'Called <b>'], 'duration' => [10, 20, NULL], 'status_id' => [1, 2], 'details' => ['<p>Yes &amp; no</p>', NULL], 'priority_id' => [1, 2]], 50);
    if ($chance(40)) {
      $values[$one(['target_contact_id', 'assignee_contact_id'])] = [$one($contacts())['id']];
    }
    if ($values === []) {
      return NULL;
    }
    $api('Activity', 'update', ['where' => [['id', '=', $activity['id']]], 'values' => $values]);
    return $activity['location'] . ' ' . json_encode($values);
  },
  'activity.delete' => function () use ($api, $one, $rows, $mark) {
    $activity = $one($rows('Activity', [['location', 'LIKE', "$mark %"]], ['id', 'location']));
    if ($activity === NULL) {
      return NULL;
    }
    $api('Activity', 'delete', ['where' => [['id', '=', $activity['id']]]]);
    return $activity['location'];
  },
  'note.create' => function (int $number) use ($api, $one, $contacts, $key) {
    $contact = $one($contacts());
    $api('Note', 'create', ['values' => ['entity_table' => 'civicrm_contact', 'entity_id' => $contact['id'], 'subject' => $one(['one', 'two']), 'note' => "Said $number"]]);
    return $key($contact) . " Said $number";
  },
  'note.update' => function (int $number) use ($api, $one, $rows, $contacts) {
    $row = $one($rows('Note', [['entity_table', '=', 'civicrm_contact'], ['entity_id', 'IN', array_merge([0], array_column($contacts(), 'id'))]], ['id']));
    if ($row === NULL) {
      return NULL;
    }
    $api('Note', 'update', ['where' => [['id', '=', $row['id']]], 'values' => ['note' => "Said $number <later>"]]);
    return "note {$row['id']}";
  },
  'note.delete' => function () use ($api, $one, $rows, $contacts) {
    $row = $one($rows('Note', [['entity_table', '=', 'civicrm_contact'], ['entity_id', 'IN', array_merge([0], array_column($contacts(), 'id'))]], ['id']));
    if ($row === NULL) {
      return NULL;
    }
    $api('Note', 'delete', ['where' => [['id', '=', $row['id']]]]);
    return "note {$row['id']}";
  },
];
foreach ($parts as $entity => $choices) {
  $edits["$entity.create"] = function () use ($api, $one, $whole, $contacts, $key, $entity, $choices) {
    $contact = $one($contacts());
    $values = $whole($choices);
    $id = $api($entity, 'create', ['values' => ['contact_id' => $contact['id']] + $values])->first()['id'];
    return $key($contact) . " $entity $id " . json_encode($values, JSON_UNESCAPED_UNICODE);
  };
  $edits["$entity.update"] = function () use ($api, $one, $some, $ofContacts, $entity, $choices) {
    $row = $one($ofContacts($entity));
    $values = $some($choices, 35);
    if ($row === NULL || $values === []) {
      return NULL;
    }
    $api($entity, 'update', ['where' => [['id', '=', $row['id']]], 'values' => $values]);
    return "$entity {$row['id']} of contact {$row['contact_id']} " . json_encode($values, JSON_UNESCAPED_UNICODE);
  };
  $edits["$entity.delete"] = function () use ($api, $one, $ofContacts, $entity) {
    $row = $one($ofContacts($entity));
    if ($row === NULL) {
      return NULL;
    }
    $api($entity, 'delete', ['where' => [['id', '=', $row['id']]]]);
    return "$entity {$row['id']} of contact {$row['contact_id']}";
  };
}

$lots = [];
foreach ($weights as $kind => $weight) {
  $lots = array_merge($lots, array_fill(0, $weight, $kind));
}
$log = [];
for ($number = $first; $number < $first + $count; $number++) {
  do {
    $kind = $one($lots);
    // Some are taken back.
    $transaction = $chance(4) && !in_array($kind, ['contact.merge', 'group.create'], TRUE) ? new CRM_Core_Transaction() : NULL;
    try {
      $done = $edits[$kind]($number);
      $done = $done === NULL || $transaction === NULL ? $done : "rolled back: $done";
    }
    catch (\Exception $e) {
      // CiviCRM refuses a relationship that is there already, and the like.
      $done = 'refused: ' . $e->getMessage();
    }
    if ($transaction !== NULL) {
      $transaction->rollback()->commit();
    }
  } while ($done === NULL);
  $log[] = sprintf('%s %05d %.3f %s %s', $site, $number, microtime(TRUE), $kind, $done);
}
return ['log' => $log, 'absorbed' => $absorbed];

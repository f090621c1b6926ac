<?php
/**
 * What a site holds of the contacts that edits.php has made, with all that hangs on them, by API v4, and with keys in place of numbers.
 * Evaluated in the site.
 *
 * @var string $mark
 * @var string[] $absorbed
 *   Contacts that have been merged into another one: of them counts only that they are in the trash.
 */
$get = function ($entity, $where, $select = ['*']) {
  return civicrm_api4($entity, 'get', ['checkPermissions' => FALSE, 'select' => $select, 'where' => $where, 'orderBy' => ['id' => 'ASC']])->getArrayCopy();
};
// What each site has for itself. CiviCRM's own clock runs in the dates of creation and change.
$own = ['id', 'contact_id', 'entity_id', 'created_date', 'modified_date', 'hash', 'api_key', 'created_id', 'modified_id', 'cache_date', 'refresh_date', 'external_identifier', 'image_URL', 'user_unique_id'];
$plain = function (array $row, array $besides = []) use ($own): array {
  $row = array_diff_key($row, array_flip(array_merge($own, $besides)));
  ksort($row);
  return $row;
};
$key = $all = [];
$contacts = $get('Contact', [['legal_identifier', 'LIKE', "$mark %"], ['is_deleted', 'IN', [TRUE, FALSE]]]);
foreach ($contacts as $contact) {
  $key[$contact['id']] = $contact['legal_identifier'];
}
foreach ($contacts as $contact) {
  $name = $contact['legal_identifier'];
  if (in_array($name, $absorbed, TRUE)) {
    $all["contact $name"] = ['is_deleted' => $contact['is_deleted']];
    unset($key[$contact['id']]);
    continue;
  }
  foreach (['employer_id', 'primary_contact_id'] as $reference) {
    $contact[$reference] = $contact[$reference] === NULL ? NULL : $key[$contact[$reference]] ?? 'a stranger';
  }
  $all["contact $name"] = $plain($contact);
}
$ids = array_merge([0], array_keys($key));
foreach (['Email', 'Phone', 'Address', 'IM', 'Website'] as $entity) {
  foreach ($get($entity, [['contact_id', 'IN', $ids]]) as $row) {
    $all["$entity of " . $key[$row['contact_id']]][] = $plain($row, ['master_id']);
  }
}
foreach ($get('Note', [['entity_table', '=', 'civicrm_contact'], ['entity_id', 'IN', $ids]]) as $row) {
  $all['Note of ' . $key[$row['entity_id']]][] = $plain($row);
}
$group = [];
foreach ($get('Group', [['source', 'LIKE', "$mark %"]]) as $row) {
  $group[$row['id']] = $row['source'];
  $all['group ' . $row['source']] = $plain($row, ['name', 'where_clause', 'select_tables', 'where_tables']);
}
foreach ($get('GroupContact', [['contact_id', 'IN', $ids]]) as $row) {
  $all['groups of ' . $key[$row['contact_id']]][] = [$group[$row['group_id']] ?? 'a strange group' => $row['status']];
}
$tag = array_column($get('Tag', [['id', '>', 0]], ['id', 'name']), 'name', 'id');
foreach ($get('EntityTag', [['entity_id', 'IN', $ids], ['entity_table', '=', 'civicrm_contact']]) as $row) {
  $all['tags of ' . $key[$row['entity_id']]][] = $tag[$row['tag_id']];
}
$types = array_column($get('RelationshipType', [['id', '>', 0]], ['id', 'name_a_b']), 'name_a_b', 'id');
foreach ($get('Relationship', [['contact_id_a', 'IN', $ids]]) as $row) {
  $all['relationships of ' . $key[$row['contact_id_a']]][] = ['to' => $key[$row['contact_id_b']] ?? 'a stranger', 'type' => $types[$row['relationship_type_id']]] +
    $plain($row, ['contact_id_a', 'contact_id_b', 'relationship_type_id', 'case_id']);
}
$activities = [];
foreach ($get('Activity', [['location', 'LIKE', "$mark %"]]) as $row) {
  $activities[$row['id']] = $row['location'];
  $all['activity ' . $row['location']] = $plain($row, ['parent_id', 'original_id', 'relationship_id', 'source_record_id']);
}
foreach ($get('ActivityContact', [['activity_id', 'IN', array_merge([0], array_keys($activities))]]) as $row) {
  $all['contacts of activity ' . $activities[$row['activity_id']]][] = $row['record_type_id'] . ' ' . ($key[$row['contact_id']] ?? 'a stranger');
}
// Lists have no order that both sites could share.
foreach ($all as &$held) {
  if (array_is_list($held)) {
    usort($held, fn($one, $other) => json_encode($one) <=> json_encode($other));
  }
}
unset($held);
ksort($all);
return $all;

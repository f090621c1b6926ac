<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * A peering lets out whom its filter names: whoever enters goes whole, with what belongs to him; whoever leaves is left alone or
 * withdrawn; and nothing of anybody else ever leaves the site.
 *
 * The peer is made by hand, so that every message that it gets can be read; the second site is another peering of the first one, without
 * a filter unless a test gives it one.
 */
final class FilterTest extends EndToEndTest {

  const TYPES = [
    Site::CONTACT_BASE, 'civishare.change.contact.email', 'civishare.change.contact.phone', 'civishare.change.contact.note',
    'civishare.change.contact.relationship', 'civishare.change.contact.group_contact', 'civishare.change.contact.tag',
    'civishare.change.group.base', 'civishare.change.tag.base', 'civishare.change.activity.base',
  ];

  private static Peer $peer;

  private static int $peering;

  private static string $group;

  private static string $tag;

  private static array $ids;

  public static function setUpBeforeClass(): void {
    parent::setUpBeforeClass();
    foreach ([self::$a, self::$b] as $site) {
      self::let($site, self::TYPES);
    }
    [self::$group, self::$tag] = [str_replace(' ', '_', self::name('Group')), str_replace(' ', '_', self::name('Tag'))];
    self::$ids = self::$a->request('
      $group = civicrm_api4("Group", "create", ["checkPermissions" => FALSE, "values" => ["name" => $group, "title" => $group]])->first()["id"];
      civicrm_api3("ContactType", "create", ["name" => "Sponsor_e2e", "label" => "Sponsor", "parent_id" => "Organization", "id" => CRM_Core_DAO::singleValueQuery("SELECT id FROM civicrm_contact_type WHERE name = \'Sponsor_e2e\'")]);
      $tag = civicrm_api4("Tag", "create", ["checkPermissions" => FALSE, "values" => ["name" => $tag, "used_for" => ["civicrm_contact"]]])->first()["id"];
      return [$group, $tag];', ['group' => self::$group, 'tag' => self::$tag]);
    self::$peer = new Peer('https://filtered.example.org', self::$a);
    self::$peering = Network::peer(self::$a, self::$peer->identifier, self::$peer->url, self::$peer->secret, ['types_out' => [], 'types_in' => self::TYPES]);
  }

  public static function tearDownAfterClass(): void {
    Network::unpeer(self::$a, self::$peer->identifier);
    self::$peer->stop();
    foreach ([self::$a, self::$b] as $site) {
      self::let($site, [Site::CONTACT_BASE]);
    }
  }

  private static function let(Site $site, array $types): void {
    $site->api4('ShareNodePeering', 'update', ['where' => [['id', '>', 0]], 'values' => ['types_out' => $types, 'types_in' => $types]]);
    $site->refresh();
  }

  /**
   * What the peer is let from now on.
   *
   * @param array $members
   *   Of the entry for contacts.
   */
  private static function filter(array $members, ?int $peering = NULL): void {
    $types = array_map(fn($type) => ['type' => $type] + ($type === Site::CONTACT_BASE ? $members : []), self::TYPES);
    self::$a->api4('ShareNodePeering', 'update', ['where' => [['id', '=', $peering ?? self::$peering]], 'values' => ['types_out' => $types]]);
    self::$a->refresh();
  }

  /**
   * Lets the filter be of these, and the peer have got what that brings about.
   */
  private static function filterAndClear(array $members): void {
    self::filter($members);
    self::$a->send();
    self::$peer->clear();
  }

  /**
   * A person with an email, a phone, a note and an activity, each of which bears the name.
   */
  private static function person(string $last, array $values = []): int {
    return (int) self::$a->request('
      $id = civicrm_api4("Contact", "create", ["checkPermissions" => FALSE, "values" => $values])->first()["id"];
      $parts = ["Email" => ["email" => "$last@example.org"], "Phone" => ["phone" => $last], "Note" => ["entity_table" => "civicrm_contact", "entity_id" => $id, "note" => $last]];
      foreach ($parts as $entity => $part) {
        civicrm_api3($entity, "create", $part + ["contact_id" => $id]);
      }
      civicrm_api3("Activity", "create", ["activity_type_id" => "Meeting", "subject" => "With $last", "target_contact_id" => [$id]]);
      return $id;',
      ['last' => $last, 'values' => $values + ['contact_type' => 'Individual', 'first_name' => 'Anna', 'last_name' => $last]]);
  }

  private static function word(string $beginning = 'Person'): string {
    return strtolower(str_replace(' ', '', self::name($beginning)));
  }

  private static function join(int $id, string $status = 'Added'): void {
    self::$a->request('CRM_Contact_BAO_GroupContact::' . ($status === 'Added' ? 'addContactsToGroup($ids, $group);' : 'removeContactsFromGroup($ids, $group);'),
      ['ids' => [$id], 'group' => self::$ids[0]]);
  }

  private static function tag(int $id): int {
    return (int) self::$a->api4('EntityTag', 'create', ['values' => ['entity_table' => 'civicrm_contact', 'entity_id' => $id, 'tag_id' => self::$ids[1]]])[0]['id'];
  }

  /**
   * A word is nowhere in what the peer has got, as it came over the line.
   */
  private static function assertSilent(string $word, string $message = ''): void {
    foreach (self::$peer->requests() as $request) {
      self::assertFalse(strpos($request['body'], $word), "$message: $word was sent: " . substr($request['body'], max(0, strpos($request['body'], $word) - 300), 600));
    }
  }

  private static function assertHeard(string $word, string $message = ''): void {
    self::assertNotSame([], array_filter(self::$peer->requests(), fn($request) => strpos($request['body'], $word) !== FALSE), "$message: $word was not sent");
  }

  /**
   * What the peer has got, like "create Contact", of one UID or of all.
   *
   * @return string[]
   */
  private static function told(?string $uid = NULL): array {
    $told = array_map(fn($change) => $change['operation'] . ' ' . $change['entity'], self::$peer->changes($uid));
    sort($told);
    return $told;
  }

  private static function values(array $change): array {
    return array_column($change['attribute_changes'], 'to', 'name');
  }

  private static function uidOf(string $entity, string $table, string $where): ?string {
    return self::$a->value("SELECT e.uid FROM civicrm_share_entity e INNER JOIN $table t ON t.id = e.entity_id WHERE e.entity_type = '$entity' AND t.$where");
  }

  public function test_nothing_of_whom_the_filter_keeps_back_ever_leaves_and_who_joins_the_group_goes_whole(): void {
    self::filterAndClear(['groups' => [self::$group]]);
    $last = self::word();
    $id = self::person($last);
    $other = self::person($otherLast = self::word());
    $type = (int) self::$a->value("SELECT id FROM civicrm_relationship_type WHERE name_a_b = 'Sibling of'");
    self::$a->api4('Relationship', 'create', ['values' => ['contact_id_a' => $id, 'contact_id_b' => $other, 'relationship_type_id' => $type, 'description' => "of $last"]]);
    self::deliver(self::$a, self::$b);

    self::assertNotNull(self::$b->counterpart(self::$a, $id), 'the other site, without a filter, has got it');
    self::assertSilent($last);
    self::assertSame(0, self::$a->store()['peerings'][self::$peering]['backlog'], 'nothing waits either');
    self::assertSame([], self::$peer->changes(self::$a->uid($id)));
    self::$a->update($id, ['job_title' => "Baker $last"]);
    self::$a->send();
    self::assertSilent($last, 'after an edit');

    self::join($id);
    self::$a->send();

    // The group goes with him if the peer does not have it yet: no filter keeps it back.
    self::assertSame(['create Activity', 'create Contact', 'create Email', 'create GroupContact', 'create Note', 'create Phone'], array_values(array_diff(self::told(), ['create Group'])));
    $uid = self::$a->uid($id);
    [$created] = self::$peer->changes($uid);
    self::assertEquals(['contact_type' => 'Individual', 'first_name' => 'Anna', 'last_name' => $last, 'job_title' => "Baker $last"], array_intersect_key(self::values($created),
      array_flip(['contact_type', 'first_name', 'last_name', 'job_title'])));
    foreach (self::$peer->changes() as $change) {
      $refers = self::values($change);
      self::assertContains($uid, [$change['entity_uid'], $refers['contact_id'] ?? NULL, $refers['entity_id'] ?? NULL, $refers['target_contact_id'][0] ?? NULL, $change['entity'] === 'Group' ? $uid : NULL]);
    }
    self::assertSilent($otherLast, 'nothing of the other');

    self::$peer->clear();
    self::join($other);
    self::$a->send();
    self::assertSame(['create Activity', 'create Contact', 'create Email', 'create GroupContact', 'create Note', 'create Phone', 'create Relationship'], self::told(), 'both ends are shared now');
  }

  public function test_who_leaves_is_left_alone_and_comes_back_with_what_changed_meanwhile(): void {
    self::filterAndClear(['groups' => [self::$group]]);
    $last = self::word();
    $id = self::person($last);
    self::join($id);
    self::$a->send();
    self::assertContains('create Contact', self::told(self::$a->uid($id)));

    self::$peer->clear();
    self::join($id, 'Removed');
    self::$a->update($id, ['first_name' => 'Secret']);
    self::$a->request('CRM_Core_DAO::executeQuery("UPDATE civicrm_email SET email = \'secret@example.org\' WHERE contact_id = $id");', ['id' => $id]);
    self::$a->api4('Phone', 'create', ['values' => ['contact_id' => $id, 'phone' => 'secret']]);
    self::deliver(self::$a, self::$b);
    self::$a->update($id, ['job_title' => 'Secret']);
    self::$a->send();
    self::assertSame([], self::told(), 'nothing is told, not even that it has left');
    self::assertContact(['first_name' => 'Secret'], self::$b, self::$b->counterpart(self::$a, $id), 'the other site is told as ever');

    self::join($id);
    self::$a->send();
    $uid = self::$a->uid($id);
    self::assertSame(['create Contact'], self::told($uid));
    self::assertEquals(['first_name' => 'Secret', 'job_title' => 'Secret'], array_intersect_key(self::values(self::$peer->changes($uid)[0]), ['first_name' => 1, 'job_title' => 1]));
    self::assertHeard('secret@example.org', 'the email as it is now');
    self::assertCount(2, array_filter(self::told(), fn($one) => $one === 'create Phone'), 'and the phone that came meanwhile');
    self::$peer->clear();
    self::$a->update($id, ['job_title' => 'Baker']);
    self::$a->send();
    self::assertSame(['update Contact'], self::told(), 'and it goes on');
  }

  public function test_who_loses_the_tag_is_withdrawn_with_all_that_belongs_to_him_and_the_return_is_a_create(): void {
    self::filterAndClear(['tags' => [self::$tag], 'on_leave' => 'withdraw']);
    $id = self::person(self::word());
    self::tag($id);
    self::$a->send();
    $uid = self::$a->uid($id);
    self::assertSame(['create Contact'], self::told($uid));
    self::assertContains('create EntityTag', self::told());

    self::$peer->clear();
    self::$a->api4('EntityTag', 'delete', ['where' => [['entity_id', '=', $id], ['entity_table', '=', 'civicrm_contact']]]);
    self::$a->send();
    self::assertSame(['delete EntityTag', 'withdraw Activity', 'withdraw Contact', 'withdraw Email', 'withdraw Note', 'withdraw Phone'], self::told());
    foreach (self::$peer->changes() as $change) {
      self::assertSame([], $change['attribute_changes']);
    }

    self::$peer->clear();
    self::$a->update($id, ['first_name' => 'Secret']);
    self::$a->send();
    self::assertSame([], self::told());

    self::tag($id);
    self::$a->send();
    self::assertSame(['create Contact'], self::told($uid));
    self::assertSame('Secret', self::values(self::$peer->changes($uid)[0])['first_name']);
  }

  public function test_a_condition_lets_an_edit_itself_bring_somebody_in_and_out_and_the_trash_is_no_leaving(): void {
    $word = self::word('Job');
    self::filterAndClear(['where' => [['OR', [['job_title', '=', $word], ['nick_name', '=', $word]]]], 'on_leave' => 'withdraw']);
    $id = self::person(self::word());
    $uid = fn() => self::$a->uid($id);
    self::$a->send();
    self::assertSame([], self::told());

    self::$a->update($id, ['job_title' => $word]);
    self::$a->send();
    self::assertSame(['create Contact'], self::told($uid()));
    self::assertContains('create Email', self::told());

    self::$peer->clear();
    self::$a->update($id, ['is_deleted' => TRUE]);
    self::$a->send();
    self::assertSame(['update Contact'], self::told($uid()), 'into the trash');
    self::$a->update($id, ['is_deleted' => FALSE]);

    self::$a->send();
    self::$peer->clear();
    self::$a->update($id, ['job_title' => 'Secret']);
    self::$a->send();
    self::assertSame(['withdraw Contact'], self::told($uid()));
    self::assertSilent('Secret');
    self::assertContains('withdraw Email', self::told());
  }

  public function test_contact_types_and_subtypes(): void {
    self::filterAndClear(['contact_types' => ['Household', 'Sponsor_e2e']]);
    self::person($person = self::word());
    self::person($household = self::word(), ['contact_type' => 'Household', 'household_name' => $household, 'first_name' => NULL, 'last_name' => NULL]);
    self::person($sponsor = self::word(), ['contact_type' => 'Organization', 'contact_sub_type' => ['Sponsor_e2e'], 'organization_name' => $sponsor, 'first_name' => NULL, 'last_name' => NULL]);
    self::$a->send();
    self::assertSilent($person);
    self::assertHeard($household);
    self::assertHeard($sponsor);
  }

  public function test_a_deletion_is_told_to_a_peer_that_has_the_contact_and_to_no_other(): void {
    self::filterAndClear(['groups' => [self::$group]]);
    $never = self::person(self::word());
    $left = self::person(self::word());
    self::join($left);
    self::$a->send();
    self::join($left, 'Removed');
    self::$a->send();
    [$uidNever, $uidLeft] = [self::$a->uid($never), self::$a->uid($left)];
    self::assertNotNull($uidNever);
    self::$peer->clear();

    foreach ([$never, $left] as $id) {
      self::$a->api3('Contact', 'delete', ['id' => $id, 'skip_undelete' => 1]);
    }
    self::$a->send();

    self::assertSame(['delete Contact'], self::told($uidLeft));
    self::assertSame([], self::told($uidNever));
    self::assertContains('delete Email', self::told());
    self::assertSilent($uidNever);
  }

  public function test_an_employer_whom_the_filter_keeps_back_is_not_told_of(): void {
    self::filterAndClear(['groups' => [self::$group]]);
    $firm = self::word('Firm');
    $employer = self::$a->create(['contact_type' => 'Organization', 'organization_name' => $firm]);
    $id = self::person(self::word(), ['employer_id' => $employer]);
    self::join($id);
    self::$a->send();

    self::assertSame(['create Contact'], self::told(self::$a->uid($id)));
    self::assertSilent('"Organization"');
    self::assertSame([], self::told(self::$a->uid($employer)));

    self::$peer->clear();
    self::join($employer);
    self::$a->send();
    self::assertSame(['create Contact'], self::told(self::$a->uid($employer)), 'it has joined');
  }

  public function test_a_merge_into_somebody_whom_the_filter_keeps_back_tells_nothing_of_him(): void {
    // The survivor fits by its own values alone, which merging does not change.
    $word = self::word('Job');
    self::filterAndClear(['where' => [['job_title', '=', $word]]]);
    $gone = self::person(self::word(), ['job_title' => $word]);
    $survivor = self::person($last = self::word(), ['job_title' => 'Secret']);
    self::deliver(self::$a, self::$b);
    $uid = self::$a->uid($gone);
    self::assertSame(['create Contact'], self::told($uid));
    self::$peer->clear();

    self::$a->api3('Contact', 'merge', ['to_keep_id' => $survivor, 'to_remove_id' => $gone, 'mode' => 'aggressive']);
    self::deliver(self::$a, self::$b);

    self::assertContains('merge Contact', self::told());
    self::assertSame([], array_merge(...array_column(array_filter(self::$peer->changes(), fn($change) => $change['entity'] === 'Contact'), 'attribute_changes')));
    self::assertSilent($last);

    self::$peer->clear();
    self::$a->update($survivor, ['job_title' => $word]);
    self::$a->send();
    self::assertSame(['create Contact'], self::told($uid), 'by the UID that the peer knows');
    self::assertHeard($last);
  }

  public function test_a_merge_of_two_in_the_filter_is_told_as_ever(): void {
    self::filterAndClear(['groups' => [self::$group]]);
    [$gone, $survivor] = [self::person(self::word()), self::person(self::word())];
    self::join($gone);
    self::join($survivor);
    self::$a->send();
    $uid = self::$a->uid($gone);
    self::$peer->clear();

    self::$a->api3('Contact', 'merge', ['to_keep_id' => $survivor, 'to_remove_id' => $gone, 'mode' => 'aggressive']);
    self::$a->send();

    // Of their memberships of the group one is left as well.
    self::assertContains('merge Contact', self::told());
    $merges = array_filter(self::$peer->changes(), fn($change) => $change['operation'] === 'merge' && $change['entity'] === 'Contact');
    self::assertSame([$uid], array_column($merges, 'merged_uid'));
  }

  public function test_a_changed_filter_sends_who_fits_now_and_withdraws_who_no_longer_does(): void {
    [$one, $two] = [self::word('Job'), self::word('Job')];
    self::filterAndClear(['where' => [['job_title', '=', $one]], 'on_leave' => 'withdraw']);
    $both = [];
    foreach ([$one, $two] as $job) {
      $both[] = self::person(self::word(), ['job_title' => $job]);
    }
    self::$a->send();
    [$first, $second] = array_map(fn($id) => self::$a->uid($id), $both);
    self::assertSame([['create Contact'], []], [self::told($first), self::told($second)]);
    self::$peer->clear();

    self::filter(['where' => [['job_title', '=', $two]], 'on_leave' => 'withdraw']);
    self::$a->send();

    self::assertSame([['withdraw Contact'], ['create Contact']], [self::told($first), self::told($second)]);
    self::assertContains('create Email', self::told());
    self::assertContains('withdraw Email', self::told());
    self::$peer->clear();
    self::$a->send();
    self::assertSame([], self::told(), 'once');

    self::filter([]);
    self::$a->send();
    self::assertSame(['create Contact'], self::told($first), 'no filter: all go out');
    self::assertSame([], self::told($second), 'but for whom the peer has');
    self::assertSame('0', self::$a->value('SELECT COUNT(*) FROM civicrm_share_passed'));
  }

  public function test_a_smart_group_counts_as_the_job_finds_it(): void {
    $nick = self::word('Nick');
    $id = self::person(self::word());
    $smart = self::$a->request('
      Civi::settings()->set("smartGroupCacheTimeout", 0);
      $search = civicrm_api3("SavedSearch", "create", ["form_values" => [["nick_name", "=", $nick, 0, 0]]])["id"];
      $name = "Smart_" . $nick;
      civicrm_api3("Group", "create", ["name" => $name, "title" => $name, "saved_search_id" => $search]);
      return $name;', ['nick' => $nick]);
    try {
      self::filterAndClear(['groups' => [$smart], 'on_leave' => 'withdraw']);
      self::$a->update($id, ['nick_name' => $nick]);
      sleep(1);
      self::$a->send();
      $uid = self::$a->uid($id);
      self::assertSame(['create Contact'], self::told($uid));

      self::$peer->clear();
      self::$a->update($id, ['first_name' => 'Berta']);
      self::$a->send();
      self::assertSame(['update Contact'], self::told($uid));

      self::$peer->clear();
      self::$a->update($id, ['nick_name' => 'Other']);
      sleep(1);
      self::$a->send();
      self::$a->send();
      self::assertContains('withdraw Contact', self::told($uid));
    }
    finally {
      self::$a->request('Civi::settings()->revert("smartGroupCacheTimeout");');
    }
  }

  public function test_a_resynchronisation_and_the_service_records_give_no_more(): void {
    self::filterAndClear(['groups' => [self::$group]]);
    $in = self::person(self::word());
    $left = self::person($leftLast = self::word());
    $never = self::person($neverLast = self::word());
    array_map([self::class, 'join'], [$in, $left]);
    self::$a->send();
    self::join($left, 'Removed');
    self::$a->update($left, ['first_name' => $secret = self::word('Secret')]);
    self::$a->send();
    self::$peer->clear();

    self::$a->api4('ShareNodePeering', 'resync', ['where' => [['id', '=', self::$peering]]]);
    self::$a->send();
    self::assertTrue(json_decode(self::$a->value("SELECT value FROM civicrm_share_instance WHERE name = 'resync:" . self::$peering . "'"), TRUE)['pushed']);
    self::assertContains('create Contact', self::told(self::$a->uid($in)));
    self::assertSilent($neverLast);
    self::assertSilent($leftLast);
    self::assertSilent($secret);

    $ask = function (string $type, array $uids): array {
      $answer = self::$peer->post([], ['service' => 'records', 'epoch' => NULL, 'seq' => NULL, 'changes' => NULL, 'type' => $type, 'uids' => $uids], ['service' => 'records']);
      // Questions have no number.
      self::$peer->seq--;
      return $answer->json()['records'];
    };
    $given = $ask(Site::CONTACT_BASE, array_map(fn($id) => self::$a->uid($id), [$in, $left, $never]));
    self::assertSame([self::$a->uid($in)], array_column($given, 'entity_uid'));
    $emails = array_map(fn($id) => self::uidOf('Email', 'civicrm_email', "contact_id = $id"), [$in, $never]);
    self::assertSame([$emails[0]], array_column($ask('civishare.change.contact.email', $emails), 'entity_uid'));
  }

  public function test_what_comes_from_one_peer_goes_on_to_another_as_its_filter_says(): void {
    $word = self::word('Job');
    self::filterAndClear(['where' => [['job_title', '=', $word]], 'on_leave' => 'withdraw']);
    $id = self::$b->create(['first_name' => 'Berta', 'last_name' => $last = self::word(), 'job_title' => 'Secret']);
    self::$b->api4('Email', 'create', ['values' => ['contact_id' => $id, 'email' => "$last@example.org"]]);
    self::deliver(self::$b, self::$a);
    self::$a->send();
    self::assertNotNull(self::$a->counterpart(self::$b, $id));
    self::assertSilent($last);

    self::$b->update($id, ['job_title' => $word]);
    self::deliver(self::$b, self::$a);
    self::$a->send();
    $uid = self::$b->uid($id);
    self::assertSame(['create Contact'], self::told($uid));
    self::assertContains('create Email', self::told());

    self::$peer->clear();
    self::$b->update($id, ['job_title' => 'Secret']);
    self::deliver(self::$b, self::$a);
    self::$a->send();
    self::assertSame(['withdraw Contact'], self::told($uid));
    self::assertContains('withdraw Email', self::told());
  }

  public function test_what_a_peer_gives_by_itself_is_not_withdrawn_from_it(): void {
    self::filterAndClear(['groups' => [self::$group], 'on_leave' => 'withdraw']);
    $uid = Message::uuid();
    self::$peer->post([self::$peer->newPerson(['first_name' => 'Carl', 'last_name' => self::word()], $uid)]);
    self::$a->process();
    $id = self::$a->byUid($uid);
    self::assertNotNull($id);
    self::$a->update($id, ['job_title' => 'Secret']);
    self::$a->send();
    self::assertSame([], self::told(), 'neither that it is kept back, nor the edit');

    self::$peer->post([self::$peer->change($uid, ['nick_name' => 'Charly'])]);
    self::$a->process();
    self::assertContact(['nick_name' => 'Charly', 'job_title' => 'Secret'], self::$a, $id, 'its own edits are taken as ever');

    self::join($id);
    self::$a->send();
    self::assertSame(['create Contact'], self::told($uid), 'now that it is in the filter');
  }

  public function test_a_withdrawn_contact_stays_on_the_other_site_and_is_taken_up_again(): void {
    $peering = (int) self::$a->value("SELECT p.id FROM civicrm_share_node_peering p INNER JOIN civicrm_share_node n ON n.id = p.remote_node_id WHERE n.identifier = '" . self::$b->identifier . "'");
    self::filter(['tags' => [self::$tag], 'on_leave' => 'withdraw'], $peering);
    try {
      $id = self::person($last = self::word());
      self::deliver(self::$a, self::$b);
      self::assertSame('0', self::$b->value("SELECT COUNT(*) FROM civicrm_contact WHERE last_name = '$last'"));
      $row = self::tag($id);
      self::deliver(self::$a, self::$b);
      $there = self::$b->counterpart(self::$a, $id);
      self::assertContact(['last_name' => $last], self::$b, $there);
      self::assertSame("$last@example.org", self::$b->value("SELECT email FROM civicrm_email WHERE contact_id = $there"));

      self::$b->update($there, ['nick_name' => 'On its way']);
      self::$a->api4('EntityTag', 'delete', ['where' => [['id', '=', $row]]]);
      self::$a->update($id, ['first_name' => 'Secret']);
      self::deliver(self::$a, self::$b);
      self::assertContact(['first_name' => 'Anna'], self::$b, $there, 'the copy stays as it was');
      $dead = self::$a->store()['dead'];
      self::deliver(self::$b, self::$a);
      self::assertContact(['nick_name' => 'On its way', 'first_name' => 'Secret'], self::$a, $id);
      self::assertSame($dead, self::$a->store()['dead']);
      self::assertSame("$last@example.org", self::$b->value("SELECT email FROM civicrm_email WHERE contact_id = $there"));

      self::$b->update($there, ['job_title' => 'Of B']);
      self::deliver(self::$b, self::$a);
      self::assertContact(['job_title' => 'Of B', 'first_name' => 'Secret'], self::$a, $id, 'the other site has no filter');
      self::deliver(self::$a, self::$b);
      self::assertContact(['first_name' => 'Anna'], self::$b, $there);

      self::tag($id);
      self::deliver(self::$a, self::$b);
      self::assertContact(['first_name' => 'Secret', 'job_title' => 'Of B'], self::$b, $there, 'the same contact');
      self::assertSame('1', self::$b->value("SELECT COUNT(*) FROM civicrm_email WHERE contact_id = $there"));
    }
    finally {
      self::filter([], $peering);
    }
  }

  public function test_a_filter_is_asked_once_for_many_and_nothing_is_asked_where_there_is_none(): void {
    $asked = fn(string $type) => self::$a->request('
      $type = \Civi\Share\Type\Registry::type($type);
      $ids = array_column(\Civi\Share\Db::rows("SELECT id FROM $type->table ORDER BY id DESC LIMIT 20"), "id");
      $ids = array_map("intval", $ids);
      $count = function () {
        return (int) \Civi\Share\Db::rows("SHOW SESSION STATUS LIKE \'Questions\'")[0]["Value"];
      };
      $asked = [];
      \Civi\Share\Peering::lettingOut($type->name);
      foreach ([1, 20] as $many) {
        $gate = new \Civi\Share\Filter\Gate();
        $before = $count();
        $gate->look($type, array_slice($ids, 0, $many));
        foreach (array_slice($ids, 0, $many) as $id) {
          $gate->pass($type, $id);
        }
        $asked[] = $count() - $before - 1;
      }
      return $asked;', ['type' => $type]);
    self::filter([]);
    self::assertSame([0, 0], $asked(Site::CONTACT_BASE));
    self::filter(['tags' => [self::$tag], 'contact_types' => ['Individual']]);
    self::assertSame([1, 1], $asked(Site::CONTACT_BASE));
    self::assertSame([2, 2], $asked('civishare.change.contact.email'), 'which contacts, and what of them');
    self::filter([]);
  }

  public function test_a_filter_that_makes_no_sense_is_refused(): void {
    $contacts = ['type' => Site::CONTACT_BASE];
    $nonsense = [
      'no group with the name no_such_group' => $contacts + ['groups' => ['no_such_group']],
      'no tag with the name no_such_tag' => $contacts + ['tags' => ['no_such_tag']],
      'no contact type with the name Alien' => $contacts + ['contact_types' => ['Alien']],
      'no_such_field' => $contacts + ['where' => [['no_such_field', '=', 1]]],
      'CiviCRM does not take the condition' => $contacts + ['where' => [['first_name', 'RESEMBLES', 'Anna']]],
      '["first_name"] is no condition' => $contacts + ['where' => [['first_name']]],
      '["first_name","=",["Anna"]] is no condition' => $contacts + ['where' => [['first_name', '=', ['Anna']]]],
      'has no option Martian' => $contacts + ['where' => [['OR', [['gender_id:name', '=', 'Female'], ['gender_id:name', '=', 'Martian']]]]],
      'list of conditions' => $contacts + ['where' => 'first_name = Anna'],
      'filter contacts' => ['type' => 'civishare.change.contact.email', 'groups' => [self::$group]],
      '"wher" is not one of' => $contacts + ['wher' => []],
      '"keep" or "withdraw"' => $contacts + ['on_leave' => 'delete'],
    ];
    $said = self::$a->request('
      $said = [];
      foreach ($all as $reason => $entry) {
        try {
          civicrm_api4("ShareNodePeering", "update", ["checkPermissions" => FALSE, "where" => [["id", "=", $peering]], "values" => ["types_out" => [$entry]]]);
          $said[$reason] = "taken";
        }
        catch (CRM_Core_Exception | API_Exception $e) {
          $said[$reason] = $e->getMessage();
        }
      }
      return $said;', ['all' => $nonsense, 'peering' => self::$peering]);
    foreach ($said as $reason => $sentence) {
      self::assertStringContainsString($reason, $sentence);
    }
    self::assertCount(count($nonsense), $said);
  }

  public function test_a_person_sets_a_filter_on_the_screen(): void {
    self::filter([]);
    $browser = new Browser(self::$a);
    if (!$browser->login()) {
      $this->skip('no login form known for this CMS, or no SITE_ADMIN_USER');
    }
    $query = http_build_query(['reset' => 1, 'id' => self::$peering, 'type' => Site::CONTACT_BASE]);
    $browser->page('civicrm/admin/share/peering/filter', $query);
    $browser->submit(['where' => '[["no_such_field", "=", 1]]'], '_qf_PeeringFilter_next');
    self::assertStringContainsString('CiviCRM does not take the condition', $browser->html);

    $browser->page('civicrm/admin/share/peering/filter', $query);
    $browser->submit(['where' => '[["is_deceased", "=", false]]', 'groups' => [self::$group], 'on_leave' => 'withdraw'], '_qf_PeeringFilter_next');
    $types = array_column(self::$a->get('ShareNodePeering', [['id', '=', self::$peering]], ['types_out'])[0]['types_out'], NULL, 'type');
    self::assertEquals(['type' => Site::CONTACT_BASE, 'where' => [['is_deceased', '=', FALSE]], 'groups' => [self::$group], 'on_leave' => 'withdraw'], $types[Site::CONTACT_BASE]);
    self::assertCount(count(self::TYPES), $types);

    $browser->page('civicrm/admin/share/peering', 'reset=1&id=' . self::$peering);
    self::assertStringContainsString('in ' . self::$group, $browser->html);
    $browser->submit([], '_qf_Peering_next');
    self::assertSame('1', self::$a->value('SELECT COUNT(*) FROM civicrm_share_node_peering WHERE types_out LIKE "%withdraw%" AND id = ' . self::$peering), 'the peering itself, saved, keeps it');
  }

  public function test_what_comes_in_can_not_be_filtered(): void {
    $this->expectException(SiteError::class);
    $this->expectExceptionMessage('only what goes out');
    self::$a->api4('ShareNodePeering', 'update', ['where' => [['id', '=', self::$peering]], 'values' => ['types_in' => [['type' => Site::CONTACT_BASE, 'tags' => [self::$tag]]]]]);
  }

  public function test_a_filter_that_can_not_be_asked_any_more_lets_nothing_out_and_loses_nothing(): void {
    self::filterAndClear(['groups' => [self::$group]]);
    self::$a->sql("UPDATE civicrm_share_node_peering SET types_out = REPLACE(types_out, '\"groups\":[\"" . self::$group . "\"]', '\"where\":[[\"gone_field\",\"=\",1]]') WHERE id = " . self::$peering);
    self::$a->refresh();
    $id = self::person($last = self::word());
    self::join($id);
    self::$a->send();
    self::assertSilent($last);
    self::assertStringContainsString('gone_field', json_encode(self::$a->systemStatus()));

    self::filter(['groups' => [self::$group]]);
    self::$a->send();
    self::assertSame(['create Contact'], self::told(self::$a->uid($id)));
  }

}

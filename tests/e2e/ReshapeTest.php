<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * What goes through a peering in other words: attributes left out, renamed, replaced, translated, and flags that go one way. One side
 * alone adapts to the other, which knows nothing of it.
 */
final class ReshapeTest extends EndToEndTest {

  private const NEIGHBOUR = 'https://neighbour.reshape.example.org';
  private const THIRD = 'https://third.reshape.example.org';

  /**
   * What the first site calls it, and what the second one does.
   */
  private static string $ours;
  private static string $theirs;

  private static Peer $neighbour;
  private static Peer $third;

  public static function setUpBeforeClass(): void {
    parent::setUpBeforeClass();
    Network::settle([self::$a, self::$b]);
    $name = str_replace(' ', '_', self::name('Shape'));
    self::$ours = self::field(self::$a, "Ours_$name", 'Size', ['small', 'large', '7']) . ':name';
    self::$theirs = self::field(self::$b, "Theirs_$name", 'Breadth', ['S', 'L', 'VII']) . ':name';
    self::$neighbour = new Peer(self::NEIGHBOUR, self::$a);
    self::$third = new Peer(self::THIRD, self::$a);
    foreach ([self::$neighbour, self::$third] as $peer) {
      Network::peer(self::$a, $peer->identifier, $peer->url, $peer->secret);
    }
  }

  public static function tearDownAfterClass(): void {
    self::plain(self::$a);
    foreach ([self::$neighbour, self::$third] as $peer) {
      Network::unpeer(self::$a, $peer->identifier);
      $peer->stop();
    }
    Network::settle([self::$a, self::$b]);
  }

  /**
   * A field with options.
   *
   * @return string
   *   Its name in API version 4.
   */
  private static function field(Site $site, string $group, string $field, array $options): string {
    $site->request('
      $id = civicrm_api3("CustomGroup", "create", ["title" => $group, "name" => $group, "extends" => "Individual", "is_active" => 1])["id"];
      $list = civicrm_api3("OptionGroup", "create", ["name" => strtolower("$group $field"), "title" => "$group $field", "is_active" => 1])["id"];
      foreach ($options as $number => $option) {
        civicrm_api3("OptionValue", "create", ["option_group_id" => $list, "name" => $option, "label" => "It is $option", "value" => $number + 40]);
      }
      civicrm_api3("CustomField", "create", ["custom_group_id" => $id, "label" => $field, "name" => $field, "data_type" => "String", "html_type" => "Select", "option_group_id" => $list, "is_active" => 1]);',
      ['group' => $group, 'field' => $field, 'options' => $options]);
    $site->refresh();
    return "$group.$field";
  }

  private static function shape(string $remote, array $out, array $in): void {
    $node = self::$a->value("SELECT id FROM civicrm_share_node WHERE identifier = '$remote'");
    $entry = function (array $shape): array {
      return [['type' => Site::CONTACT_BASE] + $shape];
    };
    self::$a->api4('ShareNodePeering', 'update', ['where' => [['remote_node_id', '=', $node]], 'values' => ['types_out' => $entry($out), 'types_in' => $entry($in)]]);
    self::$a->refresh();
  }

  private static function plain(Site $site): void {
    $site->api4('ShareNodePeering', 'update', ['where' => [['id', '>', 0]], 'values' => ['types_out' => [Site::CONTACT_BASE], 'types_in' => [Site::CONTACT_BASE]]]);
    $site->refresh();
  }

  /**
   * Why the site does not take this.
   */
  private static function refusal(array $values): string {
    try {
      self::$a->api4('ShareNodePeering', 'update', ['where' => [['endpoint_url', '=', self::$b->endpoint]], 'values' => $values]);
      return '';
    }
    catch (SiteError $e) {
      return $e->getMessage();
    }
  }

  /**
   * The version that a site holds of an attribute.
   */
  private static function version(Site $site, int $id, string $name): ?string {
    $state = $site->value("SELECT state FROM civicrm_share_entity WHERE entity_type = 'Contact' AND entity_id = $id");
    return json_decode((string) $state, TRUE)['v'][$name] ?? NULL;
  }

  private static function dialect(): void {
    $table = ['small' => 'S', 'large' => 'L', '7' => 'VII'];
    self::shape(self::$b->identifier,
      ['rename' => [self::$ours => self::$theirs], 'translate' => [self::$ours => $table]],
      ['rename' => [self::$theirs => self::$ours], 'translate' => [self::$ours => ['S' => 'small', 'L' => 'large', 'VII' => '7']]]);
  }

  public function test_a_field_of_another_name_with_other_options_goes_there_and_comes_back(): void {
    self::dialect();
    [$id, $there] = self::sharedPerson([self::$ours => 'large']);
    self::assertContact([self::$theirs => 'L'], self::$b, $there, 'there');
    self::assertNotNull(self::version(self::$a, $id, self::$ours));
    self::assertSame(self::version(self::$a, $id, self::$ours), self::version(self::$b, $there, self::$theirs), 'one version');
    self::assertNull(self::version(self::$b, $there, self::$ours));

    self::$third->clear();
    self::$b->update($there, [self::$theirs => 'VII']);
    self::deliver(self::$b, self::$a);
    self::$a->send();

    self::assertContact([self::$ours => '7'], self::$a, $id, 'here');
    $version = self::version(self::$b, $there, self::$theirs);
    self::assertSame($version, self::version(self::$a, $id, self::$ours));
    $told = self::$third->changes(self::$a->uid($id));
    self::assertCount(1, $told);
    self::assertSame([[self::$ours, '7', $version]], array_map(fn($one) => [$one['name'], $one['to'], $one['version']], $told[0]['attribute_changes']),
      'third nodes are told in the words of this site');
  }

  public function test_a_resynchronisation_of_what_is_in_other_words_changes_nothing(): void {
    self::dialect();
    [$id, $there] = self::sharedPerson([self::$ours => 'small']);
    $peering = self::$a->value("SELECT id FROM civicrm_share_node_peering WHERE endpoint_url = '" . self::$b->endpoint . "'");
    Network::settle([self::$a, self::$b]);
    $before = [self::version(self::$a, $id, self::$ours), self::version(self::$b, $there, self::$theirs)];

    self::$a->api4('ShareNodePeering', 'resync', ['where' => [['id', '=', $peering]]]);
    Network::settle([self::$a, self::$b]);

    self::assertContact([self::$ours => 'small'], self::$a, $id);
    self::assertContact([self::$theirs => 'S'], self::$b, $there);
    self::assertSame($before, [self::version(self::$a, $id, self::$ours), self::version(self::$b, $there, self::$theirs)]);
  }

  public function test_a_conflict_is_shown_and_decided_in_the_words_of_this_site(): void {
    self::dialect();
    self::rule('ask');
    [$id, $there] = self::sharedPerson([self::$ours => 'small']);
    self::$a->update($id, [self::$ours => 'large']);
    self::$b->update($there, [self::$theirs => 'VII']);
    self::deliver(self::$b, self::$a);

    $open = self::$a->api4('ShareConflict', 'get', ['where' => [['entity_type', '=', 'Contact'], ['entity_id', '=', $id]]]);
    self::assertSame([[self::$ours, 'large', '7']], array_map(fn($one) => [$one['attribute'], $one['ours'], $one['theirs']], $open));

    self::$a->api4('ShareConflict', 'resolve', ['where' => [['id', '=', $open[0]['id']]], 'resolution' => 'theirs']);
    self::deliver(self::$a, self::$b);
    self::rule('latest');
    self::assertContact([self::$ours => '7'], self::$a, $id);
    self::assertContact([self::$theirs => 'VII'], self::$b, $there);
    self::assertSame(self::version(self::$a, $id, self::$ours), self::version(self::$b, $there, self::$theirs));
  }

  private static function rule(string $rule): void {
    self::$a->api4('ShareNodePeering', 'update', ['where' => [['endpoint_url', '=', self::$b->endpoint]], 'values' => ['conflict_rule' => $rule]]);
    self::$a->refresh();
  }

  public function test_what_is_left_out_neither_goes_nor_comes_and_the_rest_does(): void {
    self::shape(self::$b->identifier, ['except' => ['nick_name']], ['except' => ['job_title']]);
    [$id, $there] = self::sharedPerson(['nick_name' => 'Only here', 'job_title' => 'Baker']);
    self::assertContact(['nick_name' => NULL, 'job_title' => 'Baker'], self::$b, $there);

    self::$b->update($there, ['job_title' => 'Cook', 'first_name' => 'Changed']);
    self::deliver(self::$b, self::$a);
    self::assertContact(['first_name' => 'Changed', 'job_title' => 'Baker', 'nick_name' => 'Only here'], self::$a, $id);

    $new = self::$b->create(['first_name' => 'New', 'last_name' => self::name(), 'job_title' => 'Cook']);
    self::deliver(self::$b, self::$a);
    self::assertContact(['first_name' => 'New', 'job_title' => NULL], self::$a, self::$a->counterpart(self::$b, $new));
  }

  public function test_a_constant_is_told_instead_of_the_value_which_stays_unknown(): void {
    self::shape(self::NEIGHBOUR, ['constant' => ['source' => 'Chapter A']], []);
    self::$neighbour->clear();
    $id = self::$a->create(['first_name' => 'Cora', 'last_name' => self::name(), 'source' => 'A secret']);
    self::$a->update($id, ['source' => 'Another secret']);
    self::$a->send();

    $told = self::$neighbour->changes(self::$a->uid($id));
    $sources = [];
    foreach (array_merge(...array_column($told, 'attribute_changes')) as $one) {
      if ($one['name'] === 'source') {
        $sources[] = $one['to'];
      }
    }
    self::assertSame(['Chapter A', 'Chapter A'], $sources);
    self::assertStringNotContainsString('secret', json_encode($told));
    self::assertContact(['source' => 'Another secret'], self::$a, $id);
  }

  public function test_a_constant_is_written_instead_of_what_came_and_others_are_told_what_came(): void {
    self::shape(self::NEIGHBOUR, [], ['constant' => ['source' => 'From the neighbour', 'nick_name' => 'N']]);
    self::$third->clear();
    [$silent, $telling] = [Message::uuid(), Message::uuid()];
    self::$neighbour->post([
      self::$neighbour->newPerson(['first_name' => 'Silent', 'last_name' => self::name()], $silent),
      self::$neighbour->newPerson(['first_name' => 'Telling', 'last_name' => self::name(), 'source' => 'Fair'], $telling),
    ]);
    self::$a->process();
    self::$a->send();

    self::assertContact(['source' => 'From the neighbour', 'nick_name' => 'N'], self::$a, self::$a->byUid($silent), 'what the neighbour is silent of');
    self::assertContact(['source' => 'From the neighbour', 'nick_name' => 'N'], self::$a, self::$a->byUid($telling));
    $told = array_column(self::$third->changes($telling)[0]['attribute_changes'], NULL, 'name');
    self::assertSame('Fair', $told['source']['to']);
    self::assertStringEndsWith('@' . self::NEIGHBOUR, $told['source']['version']);

    // An update that does not speak of it leaves what a person has written since.
    self::$a->update((int) self::$a->byUid($telling), ['source' => 'By hand']);
    self::$neighbour->post([self::$neighbour->change($telling, ['first_name' => 'Still telling'])]);
    self::$a->process();
    self::assertContact(['source' => 'By hand', 'first_name' => 'Still telling'], self::$a, self::$a->byUid($telling));
  }

  public function test_an_opt_out_comes_from_the_peer_and_is_never_lifted_by_it(): void {
    self::shape(self::$b->identifier, [], ['one_way' => ['do_not_email', 'is_opt_out']]);
    [$id, $there] = self::sharedPerson();

    self::$b->update($there, ['do_not_email' => TRUE, 'do_not_phone' => TRUE]);
    self::deliver(self::$b, self::$a);
    self::assertContact(['do_not_email' => TRUE, 'do_not_phone' => TRUE], self::$a, $id);

    self::$b->update($there, ['do_not_email' => FALSE, 'do_not_phone' => FALSE, 'nick_name' => 'Told']);
    self::deliver(self::$b, self::$a);
    self::assertContact(['do_not_email' => TRUE, 'do_not_phone' => FALSE, 'nick_name' => 'Told'], self::$a, $id);

    // This site itself may, and the peer follows.
    self::$b->update($there, ['do_not_email' => TRUE]);
    self::deliver(self::$b, self::$a);
    self::$a->update($id, ['do_not_email' => FALSE]);
    self::deliver(self::$a, self::$b);
    self::assertContact(['do_not_email' => FALSE], self::$b, $there);
  }

  public function test_an_opt_out_is_told_and_its_end_is_not(): void {
    self::shape(self::$b->identifier, ['one_way' => TRUE], []);
    [$id, $there] = self::sharedPerson(['is_opt_out' => TRUE]);
    self::assertContact(['is_opt_out' => TRUE], self::$b, $there);

    self::$a->update($id, ['is_opt_out' => FALSE, 'nick_name' => 'Told']);
    self::deliver(self::$a, self::$b);
    self::assertContact(['is_opt_out' => TRUE, 'nick_name' => 'Told'], self::$b, $there);
  }

  public function test_options_go_by_a_table_of_their_list_and_missing_ones_are_made_where_the_peering_says_so(): void {
    self::shape(self::$b->identifier, [], []);
    $name = strtolower(str_replace(' ', '_', self::name('o')));
    foreach ([[self::$a, ["ours_$name", "second_$name"]], [self::$b, ["theirs_$name", "21", "lacking_$name"]]] as [$site, $options]) {
      $site->request('foreach ($options as $option) {
        civicrm_api3("OptionValue", "create", ["option_group_id" => "gender", "name" => $option, "label" => $option]);
        civicrm_api3("OptionValue", "create", ["option_group_id" => "individual_prefix", "name" => $option, "label" => $option]);
      }', ['options' => $options]);
      $site->refresh();
    }
    $list = self::$a->value("SELECT g.name FROM civicrm_option_group g INNER JOIN civicrm_custom_field f ON f.option_group_id = g.id
      WHERE f.name = 'Size' AND f.custom_group_id = (SELECT MAX(custom_group_id) FROM civicrm_custom_field WHERE name = 'Size')");
    $values = ['options' => [
      'option_map' => ['gender' => ["theirs_$name" => "ours_$name", '21' => "second_$name"], $list => ['S' => 'small', 'L' => 'large']],
      'option_missing' => ['gender' => 'create', '*' => 'report'],
    ]];
    self::shape(self::$b->identifier, ['rename' => [self::$ours => self::$theirs]], ['rename' => [self::$theirs => self::$ours]]);
    self::assertSame('', self::refusal($values));
    self::$a->refresh();

    [$id, $there] = self::sharedPerson(['gender_id:name' => "ours_$name", self::$ours => 'large']);
    self::assertContact(['gender_id:name' => "theirs_$name", self::$theirs => 'L'], self::$b, $there, 'there');
    self::$a->update($id, ['gender_id:name' => "second_$name"]);
    self::deliver(self::$a, self::$b);
    self::assertContact(['gender_id:name' => '21'], self::$b, $there);

    self::$b->update($there, ['gender_id:name' => "theirs_$name", self::$theirs => 'S']);
    self::deliver(self::$b, self::$a);
    self::assertContact(['gender_id:name' => "ours_$name", self::$ours => 'small'], self::$a, $id, 'here');

    self::$b->update($there, ['gender_id:name' => "lacking_$name", 'prefix_id:name' => "lacking_$name", 'nick_name' => 'Told']);
    self::deliver(self::$b, self::$a);
    self::$a->refresh();
    self::assertContact(['gender_id:name' => "lacking_$name", 'prefix_id:name' => NULL, 'nick_name' => 'Told'], self::$a, $id);
    self::assertSame('1', self::$a->value("SELECT COUNT(*) FROM civicrm_option_value WHERE name = 'lacking_$name'"), 'made in the one list only');
    self::assertSame('', self::refusal(['options' => []]));
  }

  public function test_the_screen_shows_and_takes_what_is_said_of_a_type(): void {
    $browser = new Browser(self::$a);
    if (!$browser->login()) {
      $this->skip('no login form known for this CMS, or no SITE_ADMIN_USER');
    }
    self::dialect();
    $id = self::$a->value("SELECT id FROM civicrm_share_node_peering WHERE endpoint_url = '" . self::$b->endpoint . "'");
    $before = self::$a->value("SELECT CONCAT(types_out, types_in) FROM civicrm_share_node_peering WHERE id = $id");

    $browser->page('civicrm/admin/share/peering', "reset=1&id=$id");
    self::assertStringContainsString(htmlspecialchars('"' . self::$ours . '": "' . self::$theirs . '"'), $browser->html);
    $browser->submit(['options' => '{"match": "email"}'], '_qf_Peering_next');
    self::assertSame('{"match":"email"}', self::$a->value("SELECT options FROM civicrm_share_node_peering WHERE id = $id"));
    self::assertSame($before, self::$a->value("SELECT CONCAT(types_out, types_in) FROM civicrm_share_node_peering WHERE id = $id"));

    $browser->page('civicrm/admin/share/peering', "reset=1&id=$id");
    $browser->submit(['types_in_details' => json_encode([Site::CONTACT_BASE => ['except' => ['nickname']]])], '_qf_Peering_next');
    self::assertStringContainsString('no attribute nickname', html_entity_decode(strip_tags($browser->html)));
    $browser->submit(['types_in_details' => '{not JSON'], '_qf_Peering_next');
    self::assertStringContainsString('this is not JSON', strip_tags($browser->html));
    self::assertSame($before, self::$a->value("SELECT CONCAT(types_out, types_in) FROM civicrm_share_node_peering WHERE id = $id"));
    self::assertSame('', self::refusal(['options' => []]));
  }

  public function test_words_that_make_no_sense_are_refused_with_a_reason(): void {
    $type = ['type' => Site::CONTACT_BASE];
    $cases = [
      'no attribute nickname' => ['types_out' => [$type + ['except' => ['nickname']]]],
      '"renaim" is not one of' => ['types_out' => [$type + ['renaim' => []]]],
      'several attributes one: x' => ['types_out' => [$type + ['rename' => ['first_name' => 'x', 'last_name' => 'x']]]],
      'there is an attribute of that name' => ['types_out' => [$type + ['rename' => ['first_name' => 'nick_name']]], 'types_in' => [$type + ['except' => ['first_name']]]],
      'first_name goes out as given but does not come back so' => ['types_out' => [$type + ['rename' => ['first_name' => 'given']]], 'types_in' => [$type]],
      'reverse of each other' => [
        'types_out' => [$type + ['translate' => ['gender_id:name' => ['Male' => 'm']]]],
        'types_in' => [$type + ['translate' => ['gender_id:name' => ['m' => 'Female']]]],
      ],
      'nick_name is no privacy flag' => ['types_in' => [$type + ['one_way' => ['nick_name']]]],
      'employer_id refers to another record' => ['types_out' => [$type + ['constant' => ['employer_id' => 7]]], 'types_in' => []],
      'has to be a plain value' => ['types_out' => [$type + ['constant' => ['source' => ['a' => 1]]]]],
      'lead to plain values' => ['types_out' => [$type + ['translate' => ['source' => ['a' => ['b']]]]]],
    ];
    foreach ($cases as $says => $values) {
      self::assertStringContainsString($says, self::refusal($values));
    }
    // What goes one way only need not come back.
    self::assertSame('', self::refusal(['types_out' => [$type + ['rename' => ['first_name' => 'given'], 'translate' => ['gender_id:name' => ['Male' => 'm', 'Other' => 'm']]]], 'types_in' => []]));
    self::plain(self::$a);
  }

}

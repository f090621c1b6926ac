<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * Who may see and change nodes, peerings and set-aside changes; and the secret, which nobody sees.
 */
final class PermissionTest extends EndToEndTest {

  const SCREENS = [
    'civicrm/admin/share/peerings',
    'civicrm/admin/share/peering',
    'civicrm/admin/share/nodes',
    'civicrm/admin/share/node',
    'civicrm/admin/share/settings',
  ];

  const SECRET = 'whsec_c2VjcmV0IG9mIHRoZSBlbmQtdG8tZW5kIHRlc3RzLi4=';

  private static int $peering;

  public static function setUpBeforeClass(): void {
    parent::setUpBeforeClass();
    self::$peering = Network::peer(self::$a, 'https://secretive.e2e.example.org', 'http://127.0.0.1:9/nobody', self::SECRET, ['is_enabled' => FALSE]);
  }

  public static function tearDownAfterClass(): void {
    Network::unpeer(self::$a, 'https://secretive.e2e.example.org');
  }

  public function actions(): array {
    $where = ['where' => [['id', '=', 0]]];
    $some = $where + ['values' => ['description' => 'x']];
    return [
      ['ShareNode', 'get', []],
      ['ShareNode', 'create', ['values' => ['name' => 'x', 'identifier' => 'https://x.example.org']]],
      ['ShareNode', 'update', $some],
      ['ShareNode', 'delete', $where],
      ['ShareNodePeering', 'get', []],
      ['ShareNodePeering', 'create', ['values' => ['remote_node_id' => 1]]],
      ['ShareNodePeering', 'update', ['where' => [['id', '=', 0]], 'values' => ['is_enabled' => TRUE]]],
      ['ShareNodePeering', 'delete', $where],
      ['ShareNodePeering', 'end', $where],
      ['ShareNodePeering', 'resume', $where],
      ['ShareNodePeering', 'newSecret', []],
      ['ShareChange', 'get', []],
      ['ShareChange', 'retry', $where],
      ['ShareChange', 'discard', $where],
    ];
  }

  /**
   * @dataProvider actions
   */
  public function test_an_action_needs_its_permission(string $entity, string $action, array $params): void {
    $usual = ['access CiviCRM', 'access AJAX API', 'view all contacts', 'edit all contacts', 'administer CiviCRM data', 'access CiviReport'];

    self::assertStringContainsString('Unauthorized', self::$a->allows($usual, $entity, $action, $params), 'an ordinary user');
    self::assertStringContainsString('Unauthorized', self::$a->allows([], $entity, $action, $params), 'nobody');
    if (in_array($action, ['get', 'end', 'resume', 'newSecret', 'retry', 'discard'], TRUE)) {
      self::assertSame('allowed', self::$a->allows(['access CiviCRM', 'administer CiviShare'], $entity, $action, $params), 'who administers CiviShare');
    }
  }

  public function test_who_may_see_set_aside_changes_may_not_touch_them(): void {
    $may = ['access CiviCRM', 'access CiviShare change log'];

    self::assertSame('allowed', self::$a->allows($may, 'ShareChange', 'get'));
    self::assertStringContainsString('Unauthorized', self::$a->allows($may, 'ShareChange', 'retry', ['where' => [['id', '=', 0]]]));
    self::assertStringContainsString('Unauthorized', self::$a->allows($may, 'ShareNodePeering', 'get'));
  }

  public function test_api_version_3_offers_nothing_more(): void {
    foreach (['ShareNode', 'ShareNodePeering', 'ShareChange'] as $entity) {
      $said = self::$a->request('
        try {
          return json_encode(civicrm_api3($entity, "get", []));
        }
        catch (\Exception $e) {
          return "no";
        }', ['entity' => $entity]);
      self::assertStringNotContainsString('secret', $said, $entity);
    }
  }

  public function test_the_secret_never_comes_out(): void {
    $where = ['where' => [['id', '=', self::$peering]]];
    $ways = [
      'get' => fn() => self::$a->api4('ShareNodePeering', 'get', $where),
      'get by name' => fn() => self::$a->api4('ShareNodePeering', 'get', $where + ['select' => ['id', 'secret', 'secret_new']]),
      'update' => fn() => self::$a->api4('ShareNodePeering', 'update', $where + ['values' => ['secret' => self::SECRET]]),
      'update with reload' => fn() => self::$a->api4('ShareNodePeering', 'update', $where + ['values' => ['secret' => self::SECRET], 'reload' => TRUE]),
      'a clause on it' => fn() => self::$a->api4('ShareNodePeering', 'get', ['where' => [['id', '=', self::$peering], ['secret', '=', self::SECRET]]]),
      'getFields' => fn() => self::$a->api4('ShareNodePeering', 'getFields', ['action' => 'get', 'loadOptions' => TRUE]),
    ];
    $sealed = self::$a->sql('SELECT secret FROM civicrm_share_node_peering WHERE id = ' . self::$peering)[0]['secret'];
    self::assertStringNotContainsString(substr(self::SECRET, 6, 20), $sealed, 'in the database');

    foreach ($ways as $what => $way) {
      try {
        $out = json_encode($way());
      }
      catch (SiteError $e) {
        $out = $e->getMessage() . $e->where;
      }
      self::assertStringNotContainsString(substr(self::SECRET, 6, 20), $out, $what);
      self::assertStringNotContainsString(substr($sealed, 0, 30), $out, "$what, sealed");
    }
  }

  public function test_a_bad_secret_is_refused_without_being_repeated(): void {
    foreach (['tiny-7', 'whsec_not base64 at all!', 'whsec_' . base64_encode('too short')] as $secret) {
      try {
        self::$a->api4('ShareNodePeering', 'update', ['where' => [['id', '=', self::$peering]], 'values' => ['secret' => $secret]]);
        self::fail("$secret was taken");
      }
      catch (SiteError $e) {
        self::assertStringNotContainsString($secret, $e->getMessage());
      }
    }
  }

  public function test_an_endpoint_must_be_safe_to_send_to(): void {
    foreach (['http://example.org/civicrm/ajax/civishare', 'https://10.0.0.5/x', 'https://169.254.169.254/latest', 'ftp://example.org/', 'https://user:pass@example.org/', 'https://[::ffff:10.0.0.1]/', 'javascript:alert(1)', 'https://0x7f000001/'] as $url) {
      try {
        self::$a->api4('ShareNodePeering', 'update', ['where' => [['id', '=', self::$peering]], 'values' => ['endpoint_url' => $url]]);
        self::fail("$url was taken");
      }
      catch (SiteError $e) {
        self::assertNotSame('', $e->getMessage());
      }
    }
    self::$a->api4('ShareNodePeering', 'update', ['where' => [['id', '=', self::$peering]], 'values' => ['endpoint_url' => 'https://example.org/civicrm/ajax/civishare']]);
  }

  // ---- screens ----

  public function test_an_administrator_sees_the_screens(): void {
    $browser = new Browser(self::$a);
    $browser->login() || $this->skip('no login form known for this CMS, or no SITE_ADMIN_USER');

    foreach (self::SCREENS as $path) {
      $browser->page($path);
      self::assertSame(200, $browser->status, $path);
      self::assertStringNotContainsString(substr(self::SECRET, 6, 20), $browser->html, $path);
    }
    $browser->page('civicrm/admin/share/peering', 'reset=1&action=update&id=' . self::$peering);
    self::assertSame(200, $browser->status);
    self::assertStringNotContainsString(substr(self::SECRET, 6, 20), $browser->html);
    self::assertStringNotContainsString('csx1:', $browser->html);
  }

  public function test_screens_are_closed_to_visitors(): void {
    foreach (self::SCREENS as $path) {
      $browser = new Browser(self::$a);
      $browser->open(self::$a->ask('return html_entity_decode(CRM_Utils_System::url($path, "reset=1", TRUE, NULL, FALSE, TRUE));', ['path' => $path]));
      self::assertStringNotContainsString('secretive.e2e', $browser->html, $path);
      self::assertContains($browser->status, [401, 403, 404, 200], $path);
      if ($browser->status === 200) {
        self::assertMatchesRegularExpression('/log ?in|not (have|authorized)|permission|denied/i', strip_tags($browser->html), "$path is shown to a visitor");
      }
    }
  }

  public function test_screens_are_closed_to_users_without_the_permission(): void {
    $name = 'e2e' . substr(self::name('u'), -8);
    $made = self::$a->request('
      if (CRM_Core_Config::singleton()->userFramework !== "WordPress") {
        return FALSE;
      }
      $user = wp_insert_user(["user_login" => $name, "user_pass" => "e2e-$name", "user_email" => "$name@example.org", "role" => "subscriber"]);
      foreach (["access_civicrm", "view_all_contacts", "edit_all_contacts"] as $capability) {
        (new WP_User($user))->add_cap($capability);
      }
      return TRUE;', ['name' => $name]);
    $made || $this->skip('how to make a user is known for WordPress only');
    $browser = new Browser(self::$a);
    self::assertTrue($browser->login($name, "e2e-$name"));
    $browser->page('civicrm/dashboard');
    self::assertSame(200, $browser->status, 'the user gets into CiviCRM');

    // Some CMSs say 403, in others CiviCRM says 200 and that it is not permitted: as it does for its own screens.
    $browser->page('civicrm/admin/setting/url');
    $status = $browser->status;

    foreach (self::SCREENS as $path) {
      $browser->page($path);
      self::assertSame($status, $browser->status, $path);
      self::assertMatchesRegularExpression('/do not have permission|not authorized|access denied/i', $browser->html, $path);
      self::assertStringNotContainsString('secretive.e2e', $browser->html, $path);
    }
  }

  public function test_a_form_without_its_key_changes_nothing(): void {
    $browser = new Browser(self::$a);
    $browser->login() || $this->skip('no login form known for this CMS, or no SITE_ADMIN_USER');
    $before = self::$a->value('SELECT COUNT(*) FROM civicrm_share_node');

    $browser->post('civicrm/admin/share/node', 'reset=1', ['name' => 'Forged', 'identifier' => 'https://forged.example.org', '_qf_default' => 'Node:submit', '_qf_Node_submit' => '1', '_qf_Node_next' => '1', 'qfKey' => 'bogus']);

    self::assertSame($before, self::$a->value('SELECT COUNT(*) FROM civicrm_share_node'));
  }

  public function test_a_node_is_created_by_its_form(): void {
    $browser = new Browser(self::$a);
    $browser->login() || $this->skip('no login form known for this CMS, or no SITE_ADMIN_USER');
    $identifier = 'https://by-form-' . getmypid() . '.e2e.example.org';

    $browser->page('civicrm/admin/share/node');
    $browser->submit(['name' => 'By <b>form</b>', 'identifier' => $identifier], '_qf_Node_');

    $node = self::$a->get('ShareNode', [['identifier', '=', $identifier]], ['name']);
    self::assertSame('By <b>form</b>', $node[0]['name'] ?? NULL);
    $browser->page('civicrm/admin/share/nodes');
    self::assertStringNotContainsString('By <b>form</b>', $browser->html);
    Network::unpeer(self::$a, $identifier);
  }

}

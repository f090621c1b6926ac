<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * What nobody shares costs nothing: a save of it asks the database for exactly as much as without the extension.
 */
final class CostTest extends EndToEndTest {

  public static function setUpBeforeClass(): void {
    parent::setUpBeforeClass();
    self::letOut(['civishare.change.tag.base']);
  }

  public static function tearDownAfterClass(): void {
    self::$a->request('civicrm_api3("Extension", "enable", ["keys" => ["civishare"]]);');
    self::letOut([Site::CONTACT_BASE]);
  }

  private static function letOut(array $types): void {
    self::$a->api4('ShareNodePeering', 'update', ['where' => [['id', '>', 0]], 'values' => ['types_out' => $types, 'types_in' => $types]]);
    self::$a->refresh();
  }

  /**
   * @return array<string, int>
   *   Save => statements that the server counted meanwhile.
   */
  private static function statements(): array {
    return self::$a->request('
      $count = function () {
        $result = CRM_Core_DAO::executeQuery("SHOW SESSION STATUS LIKE \'Questions\'");
        $result->fetch();
        return (int) $result->Value;
      };
      $api = function ($entity, $action, $params) {
        return civicrm_api4($entity, $action, ["checkPermissions" => FALSE] + $params)->first()["id"] ?? NULL;
      };
      $person = ["contact_type" => "Individual", "first_name" => "Cost", "last_name" => "Nothing"];
      $contact = $other = $email = $activity = NULL;
      $saves = [
        "Contact.create" => function () use ($api, $person, &$contact) { $contact = $api("Contact", "create", ["values" => $person]); },
        "Contact.update" => function () use ($api, &$contact) { $api("Contact", "update", ["where" => [["id", "=", $contact]], "values" => ["first_name" => "Less"]]); },
        "Email.create" => function () use ($api, &$contact, &$email) { $email = $api("Email", "create", ["values" => ["contact_id" => $contact, "email" => "cost@example.org"]]); },
        "Email.update" => function () use ($api, &$email) { $api("Email", "update", ["where" => [["id", "=", $email]], "values" => ["email" => "less@example.org"]]); },
        "Email.delete" => function () use ($api, &$email) { $api("Email", "delete", ["where" => [["id", "=", $email]]]); },
        "Activity.create" => function () use ($api, &$contact, &$activity) { $activity = $api("Activity", "create", ["values" => ["activity_type_id" => 1, "source_contact_id" => $contact]]); },
        "Activity.update" => function () use ($api, &$activity) { $api("Activity", "update", ["where" => [["id", "=", $activity]], "values" => ["subject" => "Less"]]); },
        "Contact.delete" => function () use (&$contact) { civicrm_api3("Contact", "delete", ["id" => $contact, "skip_undelete" => TRUE]); },
      ];
      // The first round fills caches.
      foreach ([1, 2] as $round) {
        foreach ($saves as $name => $save) {
          $before = $count();
          $save();
          $statements[$name] = $count() - $before;
        }
      }
      return $statements;');
  }

  public function test_saves_of_what_is_not_shared_cost_no_statement(): void {
    self::assertSame('0', self::$a->value("SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()
      AND EVENT_OBJECT_TABLE IN ('civicrm_contact', 'civicrm_email', 'civicrm_activity') AND ACTION_STATEMENT LIKE '%civicrm_share_journal%'"));
    $with = self::statements();

    self::$a->request('civicrm_api3("Extension", "disable", ["keys" => ["civishare"]]);');
    $without = self::statements();

    self::assertGreaterThan(5, $without['Contact.create']);
    self::assertSame($without, $with);
  }

}

<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * Files travel with what is in them, up to a size: attachments, and those of custom fields, which may refer to contacts, too.
 */
final class AttachmentTest extends AllTypesTest {

  protected static function prepare(Site $site): void {
    self::discardLetters($site);
  }

  public static function tearDownAfterClass(): void {
    foreach ([self::$a, self::$b] as $site) {
      $site->request('Civi::settings()->set("civishare_file_kb", 500);');
    }
    parent::tearDownAfterClass();
  }

  private static function attach(Site $site, int $contact, string $name, string $content): int {
    return (int) $site->request('return civicrm_api3("Attachment", "create", ["entity_table" => "civicrm_contact", "entity_id" => $contact, "name" => $name,
      "mime_type" => "application/pdf", "description" => "Form <1>", "content" => base64_decode($content)])["id"];', ['contact' => $contact, 'name' => $name, 'content' => base64_encode($content)]);
  }

  /**
   * Attachments of a contact: name => [MD5 of the content or NULL, type, description, path].
   */
  private static function attached(Site $site, int $contact): array {
    return $site->ask('
      $found = [];
      foreach (civicrm_api3("Attachment", "get", ["entity_table" => "civicrm_contact", "entity_id" => $contact, "return" => ["name", "path", "mime_type", "description"], "check_permissions" => 0])["values"] as $file) {
        $found[$file["name"]] = [is_file($file["path"]) ? md5_file($file["path"]) : NULL, $file["mime_type"], $file["description"], $file["path"]];
      }
      ksort($found);
      return $found;', ['contact' => $contact]);
  }

  private static function paths(Site $site, int $contact): array {
    return array_column(self::attached($site, $contact), 3);
  }

  private static function facts(Site $site, int $contact): array {
    return array_map(fn($file) => array_slice($file, 0, 3), self::attached($site, $contact));
  }

  public function test_an_attachment_comes_changes_and_goes_both_ways(): void {
    [$contact, $there] = self::sharedPerson();
    $bytes = random_bytes(300000);
    $id = self::attach(self::$a, $contact, 'Plan äöü.pdf', $bytes);
    $said = self::deliver(self::$a, self::$b);
    $here = self::facts(self::$a, $contact);
    self::assertCount(1, $here);
    self::assertSame(md5($bytes), reset($here)[0]);
    self::assertSame($here, self::facts(self::$b, $there), $said);

    self::attach(self::$b, $there, 'answer.txt', 'yes');
    self::deliver(self::$b, self::$a);
    self::assertSame(self::facts(self::$b, $there), self::facts(self::$a, $contact));
    self::assertSame(md5('yes'), self::facts(self::$a, $contact)['answer.txt'][0]);

    self::$a->api3('Attachment', 'create', ['id' => $id, 'description' => 'Another']);
    self::deliver(self::$a, self::$b);
    self::assertSame('Another', self::facts(self::$b, $there)[array_key_first($here)][2]);
    self::assertSame(self::facts(self::$a, $contact), self::facts(self::$b, $there));

    $paths = self::paths(self::$b, $there);
    self::$a->api3('Attachment', 'delete', ['entity_table' => 'civicrm_contact', 'entity_id' => $contact]);
    $said = self::deliver(self::$a, self::$b);
    self::assertSame([], self::facts(self::$b, $there), $said);
    foreach ($paths as $path) {
      self::assertFalse(self::$b->ask('clearstatcache(); return is_file($path);', ['path' => $path]), 'the file is gone from the folder, too');
    }
  }

  public function test_a_file_larger_than_is_set_goes_by_its_name_and_that_is_said(): void {
    [$contact, $there] = self::sharedPerson();
    self::$a->request('Civi::settings()->set("civishare_file_kb", 2);');
    self::$a->refresh();
    self::attach(self::$a, $contact, 'small.txt', str_repeat('s', 1999));
    self::attach(self::$a, $contact, 'large.txt', str_repeat('l', 2001));
    $said = self::deliver(self::$a, self::$b);
    $files = self::facts(self::$b, $there);
    self::assertSame(['large.txt', 'small.txt'], array_keys($files), $said);
    self::assertNull($files['large.txt'][0]);
    self::assertSame(md5(str_repeat('s', 1999)), $files['small.txt'][0]);
    self::assertStringContainsString('large.txt', self::$a->systemStatus()['civishare_files']['message'] ?? '');
    self::assertStringNotContainsString('small.txt', self::$a->systemStatus()['civishare_files']['message']);

    // What came by its name alone takes nothing away from the site that has it.
    self::deliver(self::$b, self::$a);
    self::assertSame(md5(str_repeat('l', 2001)), self::facts(self::$a, $contact)['large.txt'][0]);
    self::$a->request('Civi::settings()->set("civishare_file_kb", 500);');
    self::$a->refresh();
  }

  public function test_a_name_with_a_path_or_a_dangerous_ending_does_no_harm(): void {
    $read = fn(string $wire) => self::$b->ask('return \Civi\Share\Type\Files::fromWire($wire);', ['wire' => $wire]);
    self::assertNull($read('data:application/octet-stream;name=..%2Fx.txt;base64,QQ=='));
    self::assertNull($read('../x.txt'));
    self::assertNull($read('data:application/octet-stream;name=x.txt;base64,Q'));
    self::assertNull($read("x\0.txt"));
    self::assertSame(['x.txt', 'A'], $read('data:application/octet-stream;name=x.txt;base64,QQ=='));
    self::assertSame(['x.txt', NULL], $read('x.txt'));
    $uri = self::$b->request('
      $type = \Civi\Share\Type\Registry::type("civishare.change.file.base");
      $id = (new \Civi\Share\Apply\FileWriter($type))->create(["uri" => "data:application/octet-stream;name=shell.php;base64,QQ==", "mime_type" => "text/plain"]);
      return CRM_Core_DAO::singleValueQuery("SELECT uri FROM civicrm_file WHERE id = $id");');
    self::assertStringEndsWith('.unknown', $uri);
    self::assertNull(self::$b->ask('return \Civi\Share\Type\Files::path("../civicrm.settings.php");'));
  }

  public function test_custom_fields_take_files_and_contacts_along(): void {
    [$contact, $there] = self::sharedPerson();
    [$friend, $friendThere] = self::sharedPerson();
    $name = 'rec_file_' . base_convert((string) getmypid(), 10, 36) . base_convert((string) time(), 10, 36);
    [$file, $reference] = self::$a->request('
      $group = civicrm_api3("CustomGroup", "create", ["title" => $name, "name" => $name, "extends" => "Individual", "is_active" => 1])["id"];
      $ids = [];
      foreach (["passport" => ["File", "File"], "friend" => ["ContactReference", "Autocomplete-Select"]] as $field => $kind) {
        $ids[] = (int) civicrm_api3("CustomField", "create", ["custom_group_id" => $group, "name" => $field, "label" => $field, "data_type" => $kind[0], "html_type" => $kind[1], "is_active" => 1])["id"];
      }
      return $ids;', ['name' => $name]);
    self::$a->refresh();
    self::$a->request('civicrm_api3("Attachment", "create", ["field_name" => "custom_$file", "entity_id" => $contact, "name" => "passport.png", "mime_type" => "image/png", "content" => "picture"]);
      civicrm_api3("Contact", "create", ["id" => $contact, "custom_$reference" => $friend]);', ['file' => $file, 'reference' => $reference, 'contact' => $contact, 'friend' => $friend]);
    $said = self::deliver(self::$a, self::$b);
    self::$b->refresh();
    $held = fn(Site $site, int $id) => $site->get('Contact', [['id', '=', $id]], ["$name.passport", "$name.friend"])[0];
    $values = $held(self::$b, $there);
    self::assertEquals($friendThere, $values["$name.friend"], $said);
    self::assertNotNull($values["$name.passport"], $said);
    $path = self::$b->ask('return \Civi\Share\Type\Files::path(CRM_Core_DAO::singleValueQuery("SELECT uri FROM civicrm_file WHERE id = " . (int) $id));', ['id' => $values["$name.passport"]]);
    self::assertSame('picture', self::$b->ask('return file_get_contents($path);', ['path' => $path]));
    // CiviCRM serves the file only to those who may see what it belongs to; from 6.3 on, to those who have a signed link to it.
    if (version_compare(self::$b->ask('return CRM_Utils_System::version();'), '6.3', '<')) {
      self::assertSame((string) $there, self::$b->value('SELECT entity_id FROM civicrm_entity_file WHERE file_id = ' . (int) $values["$name.passport"]));
    }

    self::$a->request('civicrm_api3("Contact", "create", ["id" => $contact, "custom_$reference" => "null"]);', ['reference' => $reference, 'contact' => $contact]);
    self::deliver(self::$a, self::$b);
    self::assertNull($held(self::$b, $there)["$name.friend"]);
    Network::settle([self::$a, self::$b]);
    foreach ([self::$a, self::$b] as $site) {
      self::assertSame([], array_column($site->ask('return \Civi\Share\Native::store()->deadLetters([]);'), 'reason'), $site->name);
    }
  }

}

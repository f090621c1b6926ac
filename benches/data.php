<?php
declare(strict_types = 1);

const NODE = 'https://alpha.example.org';
const REMOTE = 'https://beta.example.org';
const INSTANCE = '01929e00-0000-7000-8000-000000000000';
const TYPE = 'civishare.change.contact.base';
const EPOCH = '01929e91-8a9e-7252-aa28-699c1cf94ae4';

/** What a site might type into its contacts, the same in every run. */
final class Data {

  private const FIRST = ['Carl', 'Zoë', 'Jürgen', 'Анна', 'María José', 'Nguyễn', 'O’Brien', 'Søren', 'Li', 'Ayşe', '太郎', 'Chloé'];
  private const LAST = ['Müller', 'Smith', 'de la Cruz', 'Иванова', 'Öztürk', 'van der "Berg"', 'Nowak', 'Sørensen', 'García', 'Łukasz'];
  private const STREETS = ['Hauptstraße 12', 'Rue de l’Église 4', 'High Street 77b', 'ул. Ленина 5', 'Plaza Mayor 1'];

  public function __construct() {
    mt_srand(20241023);
  }

  /** All shared attributes of a contact. */
  public function contact(int $id): array {
    $pick = fn(array $from) => $from[mt_rand(0, count($from) - 1)];
    return [
      'contact_type' => 'Individual',
      'contact_sub_type:name' => $pick([NULL, ['Student'], ['Parent', 'Staff']]),
      'first_name' => $pick(self::FIRST),
      'middle_name' => $pick([NULL, NULL, 'M.']),
      'last_name' => $pick(self::LAST),
      'nick_name' => $pick(['', 'Bobby']),
      'prefix_id:name' => $pick([NULL, 'Dr.', 'Ms.']),
      'formal_title' => $pick(['', 'Professor']),
      'gender_id:name' => $pick([NULL, 'Female', 'Male', 'Other']),
      'birth_date' => sprintf('%04d-%02d-%02d', mt_rand(1930, 2005), mt_rand(1, 12), mt_rand(1, 28)),
      'is_deceased' => FALSE,
      'do_not_email' => (bool) mt_rand(0, 1),
      'do_not_phone' => (bool) mt_rand(0, 1),
      'do_not_mail' => FALSE,
      'do_not_sms' => FALSE,
      'is_opt_out' => FALSE,
      'preferred_language' => $pick(['en_US', 'de_DE', 'fr_FR']),
      'preferred_communication_method:name' => $pick([[], ['Email'], ['Email', 'Phone', 'SMS']]),
      'preferred_mail_format' => 'Both',
      'legal_identifier' => $pick([NULL, 'DE' . mt_rand(100000, 999999)]),
      'external_identifier' => "member-$id",
      'job_title' => $pick(['', 'Head of "Research" & Development', 'Volunteer']),
      'source' => 'Import of ' . $pick(self::STREETS),
      'image_URL' => "https://alpha.example.org/files/$id.jpg",
      'Membership_Data.Joined_In' => mt_rand(1980, 2024),
      'Membership_Data.Fee' => sprintf('%d.%02d', mt_rand(10, 200), mt_rand(0, 99)),
      'Membership_Data.Notes' => str_repeat('Wrote on behalf of ' . $pick(self::LAST) . ".\n", mt_rand(0, 3)),
      'Membership_Data.Interests:name' => ['climate', 'education', 'health'],
    ];
  }

  /** The first edit of a contact: everything. */
  public function created(int $id): array {
    $contact = $this->contact($id);
    return $this->facts($id, 'create', NULL, $contact, [], array_keys($contact));
  }

  /** A later edit: a few attributes of an entity whose state is known. */
  public function edited(int $id, string $state): array {
    $old = $this->contact($id);
    $new = $this->contact($id);
    $names = [];
    foreach ((array) array_rand($new, mt_rand(1, 4)) as $name) {
      $names[] = $name;
    }
    $pick = array_flip($names);
    return $this->facts($id, 'update', $state, array_intersect_key($new, $pick), array_intersect_key($old, $pick), $names);
  }

  private function facts(int $id, string $operation, ?string $state, array $after, array $before, array $names): array {
    return [
      'node' => NODE,
      'instance' => INSTANCE,
      'type' => TYPE,
      'entity' => 'Contact',
      'reference' => (string) $id,
      'state' => $state,
      'operation' => $operation,
      'rows' => [['id' => $id, 'time' => 1729706928201 + $id * 37, 'attributes' => $names]],
      'before' => $before,
      'after' => $after,
      'defaults' => ['is_deceased' => FALSE, 'do_not_mail' => FALSE, 'do_not_sms' => FALSE, 'is_opt_out' => FALSE, 'contact_type' => 'Individual'],
      'peerings' => [1, 2],
      'chain' => [],
    ];
  }

}

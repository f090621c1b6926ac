<?php
declare(strict_types = 1);

namespace Civi\Share\Apply;

/**
 * Greetings of the contacts that a batch has written: worked out once for each at its end instead of at every save, or, where they need
 * no more than the contact's own names, while it is saved, so that they take no statement of their own.
 */
final class Greetings {

  private const TYPES = ['email_greeting', 'postal_greeting', 'addressee'];

  /**
   * Tokens that stand for a column of the contact that is set or empty, never by the database.
   */
  private const TOKENS = [
    'first_name' => 'first_name',
    'middle_name' => 'middle_name',
    'last_name' => 'last_name',
    'nick_name' => 'nick_name',
    'formal_title' => 'formal_title',
    'individual_prefix' => 'prefix_id',
    'prefix_id' => 'prefix_id',
    'individual_suffix' => 'suffix_id',
    'suffix_id' => 'suffix_id',
    'job_title' => 'job_title',
    'household_name' => 'household_name',
    'organization_name' => 'organization_name',
    'legal_name' => 'legal_name',
  ];

  /**
   * @var array<int, int>
   */
  private static array $contacts = [];

  public static function begin(): void {
    self::$contacts = [];
  }

  /**
   * Values for a save that leaves the greetings to us.
   *
   * A save that names all three greetings does not look them up, which takes an API call of its own.
   *
   * @param array<string, mixed> $values
   *   For API version 4.
   * @param array<string, string|null> $row
   *   The contact's raw values before; none of a new one.
   */
  public static function spare(array $values, array $row = []): array {
    $present = [];
    foreach (self::TYPES as $type) {
      if (!empty($row["{$type}_id"]) && empty($row["{$type}_custom"]) && !array_key_exists("{$type}_custom", $values)) {
        $present["{$type}_id"] = $row["{$type}_id"];
      }
    }
    return $values + (count($present) === count(self::TYPES) ? $present : []) + ['skip_greeting_processing' => 1];
  }

  public static function later(int $contact): void {
    self::$contacts[$contact] = $contact;
  }

  /**
   * Runs what saves contacts with spare()d values, with their greetings wherever that can be done.
   *
   * @param callable $save
   *   Gives the ids of the contacts that it has saved.
   * @param array<int, array<string, string|null>> $rows
   *   Raw values of those that are there already, before.
   *
   * @return array<string, int>
   *   What $save gives.
   */
  public static function during(callable $save, array $rows): array {
    $greeted = [];
    $greet = function ($event) use (&$greeted, $rows): void {
      $contact = $event->object;
      if ($contact instanceof \CRM_Contact_DAO_Contact) {
        $row = empty($contact->id) ? [] : $rows[(int) $contact->id] ?? NULL;
        if ($row !== NULL && self::fill($contact, $row)) {
          $greeted[] = $contact;
        }
      }
    };
    // Only older versions of CiviCRM have this function; newer ones leave the greetings that have not changed as they are.
    $can = method_exists('CRM_Contact_BAO_Contact_Utils', 'processGreetingTemplate');
    $events = $can ? ['civi.dao.preInsert', 'civi.dao.preUpdate'] : [];
    foreach ($events as $event) {
      \Civi::dispatcher()->addListener($event, $greet);
    }
    try {
      $ids = $save();
    }
    finally {
      foreach ($events as $event) {
        \Civi::dispatcher()->removeListener($event, $greet);
      }
    }
    array_map([self::class, 'later'], array_diff($ids, array_map('intval', array_column($greeted, 'id'))));
    return $ids;
  }

  /**
   * Gives a contact that is about to be written its greetings, as processGreetings() would do it afterwards.
   *
   * @param array<string, string|null> $row
   *   Its raw values before.
   *
   * @return bool
   *   FALSE if it takes more than is known of it here.
   */
  private static function fill(\CRM_Contact_DAO_Contact $contact, array $row): bool {
    $details = [];
    \CRM_Core_DAO::storeValues($contact, $details);
    foreach ($row as $column => $value) {
      // What the save empties says "null" there.
      if ($value !== NULL && !isset($contact->$column)) {
        $details[$column] = $value;
      }
    }
    $texts = [];
    foreach (self::TYPES as $type) {
      $texts[$type] = (string) ($details["{$type}_custom"] ?? self::template($type, $details));
      if (!self::isPlain($texts[$type])) {
        return FALSE;
      }
    }
    $displays = [];
    foreach ($texts as $type => $text) {
      $displays[$text] ??= self::display($text, (int) $contact->id, $details);
      $contact->{"{$type}_display"} = $displays[$text];
    }
    return TRUE;
  }

  private static function display(string $text, int $id, array $details): string {
    \CRM_Contact_BAO_Contact_Utils::processGreetingTemplate($text, [[$id => $details]], $id, 'CRM_Contact_BAO_Contact');
    return \CRM_Utils_String::stripSpaces($text);
  }

  private static function template(string $type, array $details): ?string {
    $filter = ['contact_type' => $details['contact_type'] ?? NULL, 'greeting_type' => $type];
    return isset($filter['contact_type'], $details["{$type}_id"]) ? \CRM_Core_PseudoConstant::greeting($filter)[$details["{$type}_id"]] ?? NULL : NULL;
  }

  /**
   * Does a greeting need nothing but names?
   */
  private static function isPlain(string $text): bool {
    static $plain = [];
    if (!isset($plain[$text])) {
      $tokens = \CRM_Utils_Token::getTokens($text);
      $plain[$text] = array_keys($tokens) === ['contact'] && array_diff($tokens['contact'], array_keys(self::TOKENS)) === [];
    }
    return $plain[$text];
  }

  /**
   * Works them out. Inside the batch's transaction.
   */
  public static function compute(): void {
    if (self::$contacts !== []) {
      $contact = \CRM_Core_DAO::executeQuery('SELECT * FROM civicrm_contact WHERE id IN (' . implode(',', self::$contacts) . ')', [], TRUE, 'CRM_Contact_BAO_Contact');
      while ($contact->fetch()) {
        $one = clone $contact;
        // It is all there: nothing is to be read again.
        $one->_query = FALSE;
        \CRM_Contact_BAO_Contact::processGreetings($one);
      }
    }
    self::$contacts = [];
  }

}

<?php
declare(strict_types = 1);

namespace Civi\Share;

use Civi\Share\Detect\Detector;
use Civi\Share\Type\Active;
use Civi\Share\Type\Options;
use Civi\Share\Type\Registry;

/**
 * The hooks that are no more than a word to the class that does the work.
 */
final class Hooks {

  /**
   * Entities from which others choose by name.
   */
  private const CHOICES = [
    'OptionValue', 'OptionGroup', 'LocationType', 'RelationshipType', 'FinancialType', 'MembershipType', 'MembershipStatus',
    'ParticipantStatusType', 'CaseType',
  ];

  /**
   * What is remembered of custom fields and options is old once one of them has been written.
   */
  public static function post($op, $object): void {
    if ($object === 'CustomField' || $object === 'CustomGroup' || $object === 'ContactType') {
      Registry::flush();
      Detector::reset();
      self::refresh();
    }
    elseif (in_array($object, self::CHOICES, TRUE)) {
      Options::flush();
    }
  }

  /**
   * A set of custom fields that holds several records is a type.
   */
  private static function refresh(): void {
    try {
      Active::refresh();
    }
    catch (\Throwable $e) {
      // System Status tells of triggers that are missing.
      \Civi::log()->error('CiviShare: ' . $e->getMessage());
    }
  }

  public static function idsException(array &$skip): void {
    $skip = array_merge($skip, Endpoint::paths());
  }

}

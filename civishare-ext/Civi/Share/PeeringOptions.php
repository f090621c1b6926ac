<?php
declare(strict_types = 1);

namespace Civi\Share;

use Civi\Share\Apply\Matcher;
use Civi\Share\Type\ContactFields;
use Civi\Share\Type\Options;
use Civi\Share\Type\Registry;
use CRM_Share_ExtensionUtil as E;

/**
 * The options of a peering: what a person may write there, checked before it is stored (docs/peering.md).
 *
 * One that nobody knows is refused: a matching rule that is misspelt would make a second contact of everybody.
 */
final class PeeringOptions {

  const MATCH = 'match';
  const ON_NO_MATCH = 'on_no_match';
  const IDENTITY = 'identity';
  const OPTION_MISSING = 'option_missing';
  const OPTION_MAP = 'option_map';
  const RULES = 'rules';

  /**
   * What becomes of an option that this site lacks. Any other list than those named does as "*" says.
   */
  const REPORT = 'report';
  const MAKE = 'create';

  private const ALL = [self::MATCH, self::ON_NO_MATCH, self::IDENTITY, self::OPTION_MISSING, self::OPTION_MAP, self::RULES];

  private const CONTACT = 'civishare.change.contact.base';

  /**
   * @param array|string|null $options
   *   May be JSON.
   * @param bool $bothWays
   *   Does any change type go out and come in?
   *
   * @throws \InvalidArgumentException
   *   The message is a sentence for a person.
   */
  public static function check($options, bool $bothWays): array {
    if (is_string($options)) {
      $options = in_array(trim($options), ['', 'null'], TRUE) ? [] : json_decode($options, TRUE);
    }
    $options ??= [];
    if (!is_array($options)) {
      throw new \InvalidArgumentException(E::ts('The options have to be a JSON object.'));
    }
    foreach (array_keys($options) as $name) {
      if (!in_array($name, self::ALL, TRUE)) {
        throw new \InvalidArgumentException(E::ts('There is no option "%1". There are: %2.', [1 => $name, 2 => implode(', ', self::ALL)]));
      }
    }
    self::rule($options[self::MATCH] ?? Matcher::NEVER);
    self::choice(self::ON_NO_MATCH, $options[self::ON_NO_MATCH] ?? Matcher::CREATE, [Matcher::CREATE, Matcher::WAIT, Matcher::REPORT]);
    self::names(self::IDENTITY, $options[self::IDENTITY] ?? []);
    self::missing($options[self::OPTION_MISSING] ?? self::REPORT);
    self::map($options[self::OPTION_MAP] ?? [], $bothWays);
    self::rules($options[self::RULES] ?? []);
    return array_filter($options, function ($value): bool {
      return $value !== NULL;
    });
  }

  /**
   * @param mixed $missing
   *   The option "option_missing".
   *
   * @return bool
   *   Is an option that this list lacks to be made?
   */
  public static function makes($missing, string $list): bool {
    if (is_array($missing)) {
      $missing = $missing[ltrim($list, '@')] ?? $missing['*'] ?? self::REPORT;
    }
    return $missing === self::MAKE;
  }

  /**
   * @param mixed $rule
   */
  private static function rule($rule): void {
    if (is_string($rule) && ($rule === Matcher::NEVER || isset(Matcher::SHORTHAND[$rule]))) {
      return;
    }
    if (is_array($rule) && array_keys($rule) === ['dedupe']) {
      if (!is_scalar($rule['dedupe']) || Matcher::dedupeRule((string) $rule['dedupe'], '') === NULL) {
        throw new \InvalidArgumentException(E::ts('This site has no dedupe rule %1. Give the name of one, "unsupervised" or "supervised".', [1 => json_encode($rule['dedupe'])]));
      }
      return;
    }
    if (!is_array($rule) || !array_is_list($rule)) {
      throw new \InvalidArgumentException(E::ts('match is "never", "external_identifier", "email", a list of attributes, or {"dedupe": "a rule"}.'));
    }
    self::names(self::MATCH, $rule);
  }

  /**
   * @param mixed $names
   */
  private static function names(string $option, $names): void {
    if (!is_array($names) || !array_is_list($names) || array_filter($names, 'is_string') !== $names) {
      throw new \InvalidArgumentException(E::ts('%1 has to be a list of attributes.', [1 => $option]));
    }
    foreach ($names as $name) {
      if (!in_array($name, ContactFields::names(), TRUE) && Registry::type(self::CONTACT)?->attribute($name) === NULL) {
        throw new \InvalidArgumentException(E::ts('%1: contacts have no attribute %2. Besides their own there are %3.', [1 => $option, 2 => $name, 3 => implode(', ', ContactFields::names())]));
      }
    }
  }

  /**
   * @param mixed $value
   * @param string[] $choices
   */
  private static function choice(string $option, $value, array $choices): void {
    if (!in_array($value, $choices, TRUE)) {
      throw new \InvalidArgumentException(E::ts('%1 is not one of: %2.', [1 => $option, 2 => implode(', ', $choices)]));
    }
  }

  /**
   * @param mixed $missing
   */
  private static function missing($missing): void {
    foreach (is_array($missing) ? $missing : ['*' => $missing] as $list => $value) {
      self::choice(self::OPTION_MISSING, $value, [self::REPORT, self::MAKE]);
      if ($list !== '*') {
        self::list(self::OPTION_MISSING, (string) $list);
      }
    }
  }

  private static function list(string $option, string $list): void {
    if (!Options::exists($list)) {
      throw new \InvalidArgumentException(E::ts('%1: this site has no list of options %2. Lists go by the name of their option group, or are one of %3.', [1 => $option, 2 => $list, 3 => implode(', ', Options::others())]));
    }
  }

  /**
   * @param mixed $map
   */
  private static function map($map, bool $bothWays): void {
    if (!is_array($map) || array_filter($map, 'is_array') !== $map) {
      throw new \InvalidArgumentException(E::ts('option_map has to be a table for each list of options, from their names to ours, such as {"gender": {"F": "Female"}}.'));
    }
    foreach ($map as $list => $table) {
      self::list(self::OPTION_MAP, (string) $list);
      if (array_filter($table, 'is_string') !== $table) {
        throw new \InvalidArgumentException(E::ts('option_map: the table of %1 has to lead from names to names.', [1 => $list]));
      }
      $twice = array_diff_assoc($table, array_unique($table));
      if ($bothWays && $twice !== []) {
        throw new \InvalidArgumentException(E::ts('option_map: in %1 several options become %2, and would not come back as they went.', [1 => $list, 2 => reset($twice)]));
      }
    }
  }

  /**
   * @param mixed $rules
   */
  private static function rules($rules): void {
    if (!is_array($rules)) {
      throw new \InvalidArgumentException(E::ts('rules has to give change types a conflict rule each.'));
    }
    foreach ($rules as $rule) {
      self::choice(self::RULES, $rule, array_keys(\CRM_Share_BAO_ShareNodePeering::conflictRules()));
    }
  }

}

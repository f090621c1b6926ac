<?php
declare(strict_types = 1);

namespace CiviShare\Crash;

use CiviShare\E2e\Site;

/**
 * Reads what both sites hold, by CiviCRM's own API and SQL, beside what the writers have written down.
 */
final class Verdict {

  const ATTRIBUTES = [
    'contact_type', 'first_name', 'middle_name', 'last_name', 'nick_name', 'formal_title', 'job_title', 'source', 'legal_name', 'household_name', 'organization_name',
    'birth_date', 'gender_id:name', 'prefix_id:name', 'is_deceased', 'do_not_email', 'do_not_phone', 'do_not_mail', 'do_not_sms', 'do_not_trade', 'is_opt_out',
    'preferred_language', 'preferred_mail_format', 'is_deleted', 'civishare_crash.own', 'civishare_crash.shared',
  ];

  /**
   * Two saves this close in time may come in any order (seconds): versions count milliseconds.
   */
  const SAME_MOMENT = 0.002;

  /**
   * @var array[]
   *   The writers' notes by save: 'how', 'values', …, 'begin' => time, 'done' => time or NULL.
   */
  private array $saves = [];

  /**
   * @var array<string, array<string, array[]>>
   *   Site => nick name => contacts.
   */
  private array $held = [];

  /**
   * @param array<string, Site> $sites
   */
  public function __construct(private readonly array $sites, private readonly string $prefix, string $journals) {
    foreach (glob("$journals/*") as $file) {
      foreach (file($file) as $line) {
        $note = json_decode($line, TRUE);
        // The last line of a process that was killed may be cut.
        if ($note !== NULL) {
          $this->saves[$note['save']] ??= ['done' => NULL] + $note;
          $this->saves[$note['save']][$note['phase']] = $note['time'];
        }
      }
    }
    foreach ($sites as $name => $site) {
      $this->held[$name] = [];
      foreach ($site->get('Contact', [['nick_name', 'LIKE', "$prefix%"], ['is_deleted', 'IN', [TRUE, FALSE]]], ['id', ...self::ATTRIBUTES]) as $contact) {
        $this->held[$name][$contact['nick_name']][] = $contact;
      }
    }
  }

  /**
   * @return array<string, int>
   */
  public function counts(): array {
    $count = fn(string $phase) => count(array_filter($this->saves, fn(array $save) => isset($save[$phase])));
    return [
      'saves begun' => count($this->saves),
      'saves acknowledged' => $count('done'),
      'saves failed' => $count('failed'),
      'saves broken by CiviCRM, which went on after a deadlock' => $count('repeated'),
      'saves ended by a kill' => count(array_filter($this->saves, fn(array $save) => array_intersect_key($save, ['done' => 1, 'failed' => 1, 'nothing' => 1, 'repeated' => 1]) === ['done' => NULL])),
      'contacts' => count(array_unique(array_merge(...array_map('array_keys', array_values($this->held))))),
    ];
  }

  /**
   * @return string[]
   */
  public function doubled(): array {
    $findings = [];
    foreach ($this->held as $name => $contacts) {
      foreach ($contacts as $token => $found) {
        if (count($found) > 1) {
          $findings[] = "$token is $name's contacts " . implode(' and ', array_column($found, 'id'));
        }
      }
    }
    return $findings;
  }

  /**
   * @return string[]
   */
  public function differences(): array {
    [$a, $b] = array_keys($this->sites);
    $findings = [];
    foreach ($this->held[$a] + $this->held[$b] as $token => $ignored) {
      $here = $this->held[$a][$token][0] ?? NULL;
      $there = $this->held[$b][$token][0] ?? NULL;
      if ($here === NULL || $there === NULL) {
        $findings[] = "$token is on " . ($here === NULL ? "$b only, contact {$there['id']}" : "$a only, contact {$here['id']}") . $this->story($token);
        continue;
      }
      foreach (self::ATTRIBUTES as $name) {
        if (self::plain($here[$name] ?? NULL) !== self::plain($there[$name] ?? NULL)) {
          $findings[] = sprintf('%s (%d, %d): %s is %s on %s and %s on %s%s', $token, $here['id'], $there['id'], $name, json_encode($here[$name] ?? NULL), $a,
            json_encode($there[$name] ?? NULL), $b, $this->story($token, $name));
        }
      }
    }
    return $findings;
  }

  /**
   * What was acknowledged and is not there, or not as it should be.
   *
   * @return string[]
   */
  public function lost(): array {
    $deleted = $this->tokensOf('delete');
    $merged = $this->tokensOf('merge');
    $findings = [];
    foreach ($this->writes() as $token => $attributes) {
      foreach (array_keys($this->sites) as $name) {
        $contact = $this->held[$name][$token][0] ?? NULL;
        if ($contact === NULL) {
          $created = array_filter($attributes['nick_name'] ?? [], fn(array $write) => $write['done'] !== NULL);
          if ($created !== [] && !isset($deleted[$token])) {
            $findings[] = "$token was acknowledged and is not on $name" . $this->story($token);
          }
          continue;
        }
        if (isset($deleted[$token]['done'])) {
          $findings[] = "$token was deleted and is on $name" . $this->story($token);
        }
        // A merge fills the survivor's gaps, and trashes the other one.
        foreach (isset($merged[$token]) ? [] : $attributes as $attribute => $writes) {
          $value = self::plain($contact[$attribute] ?? NULL);
          if (!in_array($value, self::possible($attribute, $writes), TRUE)) {
            $findings[] = sprintf('%s: %s on %s is %s, which was overwritten, or was never written%s', $token, $attribute, $name, json_encode($value), $this->story($token, $attribute));
          }
        }
      }
    }
    return $findings;
  }

  /**
   * What was rolled back and is to be found somewhere.
   *
   * @return string[]
   */
  public function rolledBack(): array {
    $findings = [];
    foreach ($this->sites as $name => $site) {
      $columns = [];
      foreach ($site->sql('SHOW COLUMNS FROM civicrm_contact') as $column) {
        if (preg_match('/char|text/', $column['Type'])) {
          $columns['civicrm_contact'][] = $column['Field'];
        }
      }
      $columns += ['civicrm_value_crash' => ['own', 'shared'], 'civicrm_share_entity' => ['state'], 'civicrm_share_journal' => ['payload']];
      foreach ($columns as $table => $names) {
        $where = implode(' OR ', array_map(fn(string $column) => "`$column` LIKE '%" . Load::NEVER . "$this->prefix%'", $names));
        foreach ($site->sql("SELECT * FROM $table WHERE $where") as $row) {
          preg_match_all('/' . Load::NEVER . $this->prefix . 'n\w+/', implode(' ', $row), $found);
          $found = array_diff(array_unique($found[0]), $this->broken());
          if ($found !== []) {
            $findings[] = "$name, $table {$row['id']}: " . implode(' ', $found);
          }
        }
      }
    }
    return $findings;
  }

  /**
   * Values that CiviCRM itself has not rolled back, because the server had done so already in the middle of the transaction.
   *
   * @return string[]
   */
  private function broken(): array {
    $values = [];
    foreach ($this->saves as $save) {
      foreach (isset($save['repeated']) ? $save['never'] : [] as $attributes) {
        $values = array_merge($values, array_map('strval', array_values($attributes)));
      }
    }
    return $values;
  }

  /**
   * What a site holds of a kind, in one form for API versions and sites.
   */
  private static function plain($value): string {
    return is_bool($value) ? (string) (int) $value : (string) (is_array($value) ? json_encode($value) : $value);
  }

  /**
   * @return array<string, array<string, array[]>>
   *   Contact => attribute => who wrote what when.
   */
  private function writes(): array {
    $writes = [];
    foreach ($this->saves as $number => $save) {
      foreach (isset($save['nothing']) ? [] : $save['values'] as $token => $values) {
        foreach ($values as $attribute => $value) {
          $writes[$token][$attribute][] = ['value' => self::plain($value), 'begin' => $save['begin'], 'done' => $save['done'], 'save' => $number];
        }
      }
    }
    return $writes;
  }

  /**
   * The latest edit wins: what may stand in the end is what no acknowledged save came after. One that was never acknowledged may have
   * come at any time after it began, or not at all. Of a flag it is not known whether a save has changed it, and one that has not is no
   * edit.
   *
   * @return string[]
   */
  private static function possible(string $attribute, array $writes): array {
    if (in_array($attribute, Load::FLAGS, TRUE)) {
      return ['', '0', '1'];
    }
    $done = array_filter($writes, fn(array $write) => $write['done'] !== NULL);
    $possible = $done === [] ? ['', '0'] : [];
    foreach ($writes as $write) {
      $later = array_filter($done, fn(array $other) => $write['done'] !== NULL && $other['begin'] > $write['done'] + self::SAME_MOMENT);
      if ($later === []) {
        $possible[] = $write['value'];
      }
    }
    return $possible;
  }

  /**
   * @return array<string, array>
   *   Contact => the save.
   */
  private function tokensOf(string $how): array {
    $tokens = [];
    foreach ($this->saves as $save) {
      foreach ($save['how'] === $how ? $save['contacts'] : [] as $token) {
        $tokens[$token] = isset($tokens[$token]['done']) ? $tokens[$token] : $save;
      }
    }
    return $tokens;
  }

  /**
   * What the writers have done to a contact, for whoever looks into a failure.
   */
  private function story(string $token, ?string $attribute = NULL): string {
    $lines = [];
    foreach ($this->saves as $number => $save) {
      $values = $save['values'][$token] ?? [];
      if (isset($values[$attribute ?? 'nick_name']) || in_array($save['how'], ['delete', 'merge'], TRUE) && in_array($token, $save['contacts'], TRUE)) {
        $end = isset($save['done']) ? sprintf('acknowledged after %d ms', ($save['done'] - $save['begin']) * 1000) : (isset($save['failed']) ? 'failed: ' . ($save['why'] ?? '') : 'ended');
        $lines[] = sprintf("\n      %s save %d %s by %s: %s; %s", date('H:i:s', (int) $save['begin']) . substr(sprintf('%.3f', fmod($save['begin'], 1)), 1), $number, $save['how'],
          $save['writer'], json_encode($attribute === NULL ? '' : $values[$attribute] ?? ''), $end);
      }
    }
    return implode('', $lines);
  }

}

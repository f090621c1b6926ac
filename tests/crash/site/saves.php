<?php

/**
 * @file
 * Runs in CiviCRM: makes the saves that it is told to, and notes each in a journal of its own outside of the database, before it
 * begins, and, once CiviCRM has returned, on disk.
 *
 * After a deadlock CiviCRM repeats only the failed statement, although the server has rolled back all before it, and says that all went
 * well. Such a save is CiviCRM's own loss, so it is noted as "repeated" and counts neither as taken nor as rolled back.
 */

if (!function_exists('civishare_crash_saves')) {

  /**
   * @param string $journal
   * @param array[] $saves
   *   As Load plans them.
   *
   * @return int
   *   How many CiviCRM has taken.
   */
  function civishare_crash_saves(string $journal, array $saves): int {
    $file = fopen($journal, 'a');
    $note = function (array $save, string $phase, string $why = '') use ($file): void {
      fwrite($file, json_encode(['phase' => $phase, 'time' => microtime(TRUE), 'why' => $why] + $save) . "\n");
      // After its first fsync() PHP buffers what it writes, and a kill would take it.
      fflush($file);
      if ($phase === 'done') {
        fsync($file);
      }
    };
    $done = 0;
    foreach ($saves as $save) {
      $ids = [];
      foreach ($save['contacts'] as $token) {
        $id = CRM_Core_DAO::singleValueQuery('SELECT id FROM civicrm_contact WHERE nick_name = %1', [1 => [$token, 'String']]);
        $ids[$token] = $id === NULL ? NULL : (int) $id;
      }
      if (in_array(NULL, $ids, TRUE)) {
        // It has not come over yet, or has been deleted.
        continue;
      }
      $note($save, 'begin');
      $lengths = array_map('filesize', civishare_crash_logs());
      $repeated = function () use ($lengths): bool {
        foreach (civishare_crash_logs() as $inode => $log) {
          if (strpos((string) file_get_contents($log, FALSE, NULL, $lengths[$inode] ?? 0), 'Retrying after Database') !== FALSE) {
            return TRUE;
          }
        }
        return FALSE;
      };
      try {
        $made = civishare_crash_save($save, $ids);
        $note($save, $repeated() ? 'repeated' : ($made ? 'done' : 'nothing'));
        $done += (int) $made;
      }
      catch (\Throwable $e) {
        $cause = $e instanceof PEAR_Exception && $e->getCause() instanceof PEAR_Error ? $e->getCause()->getUserInfo() : '';
        $note($save, $repeated() ? 'repeated' : 'failed', substr(get_class($e) . ': ' . $e->getMessage() . " $cause", 0, 300));
      }
    }
    return $done;
  }

  /**
   * CiviCRM's logs by inode, as a large one is renamed at any time and begun anew.
   *
   * @return array<int, string>
   */
  function civishare_crash_logs(): array {
    clearstatcache();
    $logs = glob(CRM_Core_Config::singleton()->configAndLogDir . 'CiviCRM*.log*');
    return array_combine(array_map('fileinode', $logs), $logs);
  }

  /**
   * @param array $save
   *   ['how', 'api' => 3|4, 'contacts', 'values' => [contact => [attribute => value]], 'never' => [contact => [attribute => value]]]
   * @param array<string, int> $ids
   */
  function civishare_crash_save(array $save, array $ids): bool {
    switch ($save['how']) {
      case 'create':
        foreach ($save['values'] as $values) {
          civishare_crash_write($save['api'], NULL, $values);
        }
        return TRUE;

      case 'update':
        return civishare_crash_update($save['api'], $save['values'], $ids);

      case 'raw':
        foreach ($save['values'] as $token => $values) {
          foreach ($values as $column => $value) {
            CRM_Core_DAO::executeQuery("UPDATE civicrm_contact SET `$column` = %1 WHERE id = %2", [1 => [$value, 'String'], 2 => [$ids[$token], 'Integer']]);
          }
        }
        return TRUE;

      case 'transaction':
        $transaction = new CRM_Core_Transaction();
        try {
          $made = civishare_crash_update($save['api'], $save['values'], $ids);
          $transaction->commit();
          return $made;
        }
        catch (\Throwable $e) {
          $transaction->rollback()->commit();
          throw $e;
        }

      case 'rollback':
        $transaction = new CRM_Core_Transaction();
        try {
          civishare_crash_update($save['api'], array_intersect_key($save['never'], $ids), $ids);
          foreach (array_diff_key($save['never'], $ids) as $values) {
            civishare_crash_write($save['api'], NULL, $values);
          }
        }
        finally {
          $transaction->rollback()->commit();
        }
        return TRUE;

      case 'savepoint':
        $outer = new CRM_Core_Transaction();
        try {
          $made = civishare_crash_update($save['api'], $save['values'], $ids);
          $inner = new CRM_Core_Transaction(TRUE);
          civishare_crash_update($save['api'], $save['never'], $ids);
          $inner->rollback()->commit();
          $outer->commit();
          return $made;
        }
        catch (\Throwable $e) {
          if (isset($inner)) {
            $inner->rollback()->commit();
          }
          $outer->rollback()->commit();
          throw $e;
        }

      case 'delete':
        civicrm_api3('Contact', 'delete', ['id' => reset($ids), 'skip_undelete' => 1]);
        return TRUE;

      case 'merge':
        [$keep, $remove] = array_values($ids);
        $result = civicrm_api3('Contact', 'merge', ['to_keep_id' => $keep, 'to_remove_id' => $remove, 'mode' => 'aggressive']);
        return !empty($result['values']['merged']);
    }
    throw new LogicException($save['how']);
  }

  function civishare_crash_update(int $api, array $values, array $ids): bool {
    $made = TRUE;
    foreach ($values as $token => $attributes) {
      $made = civishare_crash_write($api, $ids[$token], $attributes) && $made;
    }
    return $made;
  }

  function civishare_crash_write(int $api, ?int $id, array $values): bool {
    if ($api === 4) {
      $params = ['checkPermissions' => FALSE, 'values' => $values];
      return $id === NULL ? civicrm_api4('Contact', 'create', $params)->count() === 1
        : civicrm_api4('Contact', 'update', $params + ['where' => [['id', '=', $id], ['is_deleted', 'IN', [TRUE, FALSE]]]])->count() === 1;
    }
    $params = ['check_permissions' => 0] + ($id === NULL ? [] : ['id' => $id]);
    foreach ($values as $name => $value) {
      [$group, $field] = array_pad(explode('.', $name), 2, NULL);
      $params[$field === NULL ? $name : 'custom_' . civishare_crash_field($group, $field)] = $value;
    }
    return civicrm_api3('Contact', 'create', $params)['count'] === 1;
  }

  function civishare_crash_field(string $group, string $field): int {
    return (int) CRM_Core_DAO::singleValueQuery('SELECT f.id FROM civicrm_custom_field f INNER JOIN civicrm_custom_group g ON g.id = f.custom_group_id
      WHERE g.name = %1 AND f.name = %2', [1 => [$group, 'String'], 2 => [$field, 'String']]);
  }

}

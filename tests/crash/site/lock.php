<?php
// Runs in a site, on a connection of its own: locks what the others lock, in the opposite order, so that deadlocks come about. It has
// written much by then, so that the server often takes the other one as its victim.
$dsn = DB::parseDSN(defined('CIVICRM_DSN') ? CIVICRM_DSN : CRM_Core_Config::singleton()->dsn);
$mysqli = mysqli_init();
$mysqli->real_connect($dsn['hostspec'], $dsn['username'], $dsn['password'], $dsn['database'], (int) ($dsn['port'] ?: 3306), $dsn['socket'] ?: NULL);
$query = function (string $sql) use ($mysqli): array {
  $result = $mysqli->query($sql);
  if ($result === FALSE) {
    throw new RuntimeException($mysqli->error, $mysqli->errno);
  }
  return $result === TRUE ? [] : $result->fetch_all(MYSQLI_ASSOC);
};
mt_srand($seed);
$query('CREATE TABLE IF NOT EXISTS civishare_crash_weight (id int, n int) ENGINE=InnoDB');
$ids = array_column($query("SELECT id FROM civicrm_contact WHERE nick_name LIKE '$prefix%' ORDER BY id DESC LIMIT 40"), 'id');
shuffle($ids);
$ids = array_slice($ids, 0, 8);
rsort($ids);
$got = 0;
try {
  $query('START TRANSACTION');
  for ($i = 0; $i < mt_rand(0, 3); $i++) {
    $query('INSERT INTO civishare_crash_weight VALUES ' . implode(',', array_fill(0, 200, '(1, 1)')));
  }
  foreach ($ids as $id) {
    $query("SELECT id FROM civicrm_share_entity WHERE entity_type = 'Contact' AND entity_id = $id FOR UPDATE");
    usleep($pause * 1000);
    $query("SELECT id FROM civicrm_contact WHERE id = $id FOR UPDATE");
    $got++;
  }
}
catch (Throwable $e) {
  // It has become the victim itself.
}
$mysqli->query('ROLLBACK');
$mysqli->close();
return $got;

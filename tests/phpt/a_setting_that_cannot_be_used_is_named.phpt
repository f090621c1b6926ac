--TEST--
A setting that cannot be used is named in phpinfo(), with what it should be
--FILE--
<?php
$settings = [
  ['civishare.http_timeout' => 'soon'],
  ['civishare.connect_timeout' => '0'],
  ['civishare.delivery_threads' => '9999'],
  ['civishare.http_timeout' => ' 45 ', 'civishare.ca_file' => '/etc/ssl/private-ca.pem'],
];
foreach ($settings as $given) {
  $arguments = [PHP_BINARY, '-n', '-d', 'extension=' . getenv('CIVISHARE_SO')];
  foreach ($given as $name => $value) {
    array_push($arguments, '-d', "$name=\"$value\"");
  }
  array_push($arguments, '-r', 'phpinfo(INFO_MODULES);');
  preg_match('/^Settings => .*$/m', (string) shell_exec(implode(' ', array_map('escapeshellarg', $arguments))), $found);
  echo $found[0], "\n";
}
?>
--EXPECT--
Settings => the PHP setting civishare.http_timeout is "soon", and must be a whole number from 1 to 600
Settings => the PHP setting civishare.connect_timeout is "0", and must be a whole number from 1 to 600
Settings => the PHP setting civishare.delivery_threads is "9999", and must be a whole number from 1 to 256
Settings => in order

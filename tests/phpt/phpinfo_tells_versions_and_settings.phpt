--TEST--
phpinfo() tells the versions that matter and the settings
--FILE--
<?php
ob_start();
phpinfo(INFO_MODULES);
preg_match('/^civishare\n\n(.*?\n)\n\w[^\n]*\n\n/ms', ob_get_clean(), $found);
echo $found[1] ?? 'no table';
?>
--EXPECTF--
CiviShare => enabled
Version => %d.%d.%d
Protocol => civishare/1
SQLite => 3.%s
TLS => rustls %d.%s
Settings => in order

Directive => Local Value => Master Value
civishare.ca_file => no value => no value
civishare.connect_timeout => 5 => 5
civishare.delivery_threads => 16 => 16
civishare.http_timeout => 30 => 30

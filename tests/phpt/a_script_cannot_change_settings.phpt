--TEST--
A script reads the settings and cannot change them
--INI--
civishare.http_timeout=12
--FILE--
<?php
var_dump(ini_get('civishare.http_timeout'), ini_get('civishare.connect_timeout'), ini_get('civishare.delivery_threads'), ini_get('civishare.ca_file'));
var_dump(ini_set('civishare.http_timeout', '1'), ini_get('civishare.http_timeout'));
?>
--EXPECT--
string(2) "12"
string(1) "5"
string(2) "16"
string(0) ""
bool(false)
string(2) "12"

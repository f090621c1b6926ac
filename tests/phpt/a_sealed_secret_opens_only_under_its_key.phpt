--TEST--
A sealed secret opens only under its key and only unaltered
--FILE--
<?php
require __DIR__ . '/support.inc';
use CiviShare\Core;

$key = 'the site key of this site';
$sealed = Core::seal($key, 'whsec_secret');
var_dump(str_starts_with($sealed, 'csx1:'), str_contains($sealed, 'secret'), $sealed === Core::seal($key, 'whsec_secret'));
show('opened', fn() => Core::unseal($key, $sealed));
show('empty', fn() => Core::unseal($key, Core::seal($key, '')));
show('NUL and quotes', fn() => Core::unseal($key, Core::seal($key, "a\0b\"ä")));
show('large', fn() => strlen(Core::unseal($key, Core::seal($key, str_repeat('x', 1000000)))));

show('another key', fn() => Core::unseal('the site key of another', $sealed));
$bytes = base64_decode(substr($sealed, 5));
$opened = 0;
for ($at = 0; $at < strlen($bytes); $at++) {
  $altered = $bytes;
  $altered[$at] = chr(ord($altered[$at]) ^ 1);
  try {
    Core::unseal($key, 'csx1:' . base64_encode($altered));
    $opened++;
  }
  catch (CiviShare\Exception) {
  }
}
var_dump($opened);
foreach (['' => 'nothing', 'csx1:' => 'prefix', 'csx1:AAAA' => 'short', 'csx1:!' => 'no base64', 'plain text' => 'plain'] as $value => $label) {
  show($label, fn() => Core::unseal($key, $value));
}
show('no key', fn() => Core::seal('', 'x'));
?>
--EXPECT--
bool(true)
bool(false)
bool(false)
opened → "whsec_secret"
empty → ""
NUL and quotes → "a\u0000b\"ä"
large → 1000000
another key → CiviShare\Exception: a stored secret cannot be read: CIVICRM_SITE_KEY has changed or the value was altered; set the peering's secret anew
int(0)
nothing → CiviShare\Exception: a stored secret cannot be read: CIVICRM_SITE_KEY has changed or the value was altered; set the peering's secret anew
prefix → CiviShare\Exception: a stored secret cannot be read: CIVICRM_SITE_KEY has changed or the value was altered; set the peering's secret anew
short → CiviShare\Exception: a stored secret cannot be read: CIVICRM_SITE_KEY has changed or the value was altered; set the peering's secret anew
no base64 → CiviShare\Exception: a stored secret cannot be read: CIVICRM_SITE_KEY has changed or the value was altered; set the peering's secret anew
plain → CiviShare\Exception: a stored secret cannot be read: CIVICRM_SITE_KEY has changed or the value was altered; set the peering's secret anew
no key → CiviShare\ArgumentException: the site key is missing or shorter than 8 bytes: set CIVICRM_SITE_KEY in civicrm.settings.php

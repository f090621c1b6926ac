--TEST--
New secrets and UIDs are well-formed and differ; a bad secret is named, and never repeated
--FILE--
<?php
require __DIR__ . '/support.inc';
use CiviShare\Core;

var_dump(preg_match('~^\d+\.\d+\.\d+$~', Core::version()), Core::version() === phpversion('civishare'));
$secrets = array_map(fn() => Core::newSecret(), range(1, 100));
var_dump(count(array_unique($secrets)), count(preg_grep('~^whsec_[A-Za-z0-9+/]{43}=$~', $secrets)));
$uids = array_map(fn() => Core::newUid(), range(1, 100));
var_dump(count(array_unique($uids)), count(preg_grep('~^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$~', $uids)));

show('made here', fn() => Core::checkSecret($secrets[0]));
show('with a line end', fn() => Core::checkSecret(" {$secrets[0]}\n"));
show('words', fn() => Core::checkSecret('pässwörd-ключ'));
show('short', fn() => Core::checkSecret('fifteen bytes!!'));
show('empty', fn() => Core::checkSecret(''));
show('blanks', fn() => Core::checkSecret(str_repeat(' ', 40)));
show('bad base64', fn() => Core::checkSecret('whsec_jAeGRoycjHaDN8slACn5I'));
show('short base64', fn() => Core::checkSecret('whsec_AAAA'));
show('not UTF-8', fn() => Core::checkSecret("secret-secret-\xff\xfe"));
?>
--EXPECT--
int(1)
bool(true)
int(100)
int(100)
int(100)
int(100)
made here → null
with a line end → null
words → null
short → CiviShare\ArgumentException: the shared secret holds 15 bytes, and at least 16 are needed: let one of the sites generate it
empty → CiviShare\ArgumentException: the shared secret holds 0 bytes, and at least 16 are needed: let one of the sites generate it
blanks → CiviShare\ArgumentException: the shared secret holds 0 bytes, and at least 16 are needed: let one of the sites generate it
bad base64 → CiviShare\ArgumentException: the shared secret begins with whsec_, but what follows is not base64: copy it again, whole
short base64 → CiviShare\ArgumentException: the shared secret holds 3 bytes, and at least 16 are needed: let one of the sites generate it
not UTF-8 → CiviShare\ArgumentException: $secret must be a string in UTF-8

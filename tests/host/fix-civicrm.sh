#!/bin/sh
# CiviCRM 5.33.2 on PHP 8.2: what would be a parse error, a TypeError or an endless loop.
# usage: fix-civicrm.sh CIVICRM-FOLDER
set -eu
cd "$1"
# curly-brace string offsets -> [ ]
sed -i -E 's/\$settingValue\{0\}/$settingValue[0]/' CRM/Utils/Check/Component/Env.php
sed -i -E 's/\$alphabet\{(rand\(1, \$alphabetSize\) - 1)\}/$alphabet[\1]/' CRM/Utils/String.php
sed -i -E 's/\$title\{0\}/$title[0]/' CRM/Custom/Form/Group.php
sed -i -E 's/\$value\{0\}/$value[0]/' Civi/Core/Paths.php
sed -i -E 's/\$attrName\{0\}/$attrName[0]/' ext/afform/core/CRM/Afform/ArrayHtml.php
sed -i -E 's/\$entry\{0\}/$entry[0]/' ext/iatspayments/iats.civix.php
sed -i -E 's/\$format\{(\$i( \+ 1)?)\}/$format[\1]/g' packages/Date/Span.php packages/Validate.php
sed -i -E "s/\['format'\]\{\\\$i\}/['format'][\$i]/" packages/HTML/QuickForm/date.php
sed -i -E 's/\$filename\{0\}/$filename[0]/' packages/HTML/Template/IT.php
sed -i -E 's/\$arg2\{0\}/$arg2[0]/g' packages/HTML/Template/ITX.php
sed -i -E 's/\$sTag\{0\}/$sTag[0]/' packages/PHP/Beautifier/Filter/Pear.filter.php
sed -i -E "s/\['action'\]\{0\}/['action'][0]/" vendor/civicrm/civicrm-cxn-rpc/src/RegistrationServer.php
# typed property of php_user_filter
sed -i -E 's/public \$filtername;/public string $filtername = "";/; s/public \$params;/public mixed $params = "";/' vendor/league/csv/src/CharsetConverter.php vendor/league/csv/src/EncloseField.php vendor/league/csv/src/RFC4180Field.php
# nested ternary
sed -i -E "s/: !empty\(\\\$item\['block'\]\) \? (.*) : 'afform';/: (!empty(\$item['block']) ? \1 : 'afform');/" ext/afform/core/Civi/Api4/Utils/AfformSaveTrait.php
sed -i -E 's/\$format\{\+\+\$i\}/$format[++$i]/g; s/\$format\{\$i\+\+\}/$format[$i++]/g' packages/Date/Span.php packages/Validate.php
# method_exists(int) -> TypeError
sed -i -E 's/^        if \(method_exists\(\$result, .numRows.\)\)/        if (is_object($result) \&\& method_exists($result, "numRows"))/' packages/DB/DataObject.php
# swapped args: endless loop under PHP 8 string<->int comparison
sed -i 's/createRandom(CRM_Utils_String::ALPHANUMERIC, 4)/createRandom(4, CRM_Utils_String::ALPHANUMERIC)/' CRM/Utils/Request.php
sed -i -E '/^      \$captured\+\+;$/d' Civi/Api4/Query/SqlFunction.php
sed -i -E "s/if \(!method_exists\(\\\$provider, 'format'\) && \\\$provider !== FALSE\)/if (\$provider !== FALSE \&\& !method_exists(\$provider, 'format'))/" CRM/Utils/GeocodeProvider.php
# QuickForm methods called statically
sed -i -E 's/^    function (registerElementType|registerRule|isTypeRegistered|getRegisteredTypes|isRuleRegistered|getRegisteredRules)\(/    static function \1(/' packages/HTML/QuickForm.php

<?php
/**
 * Every method of the native module, again and again, rightly and wrongly called. Prints how many calls that were.
 *
 * usage: php -d extension=… calls.php TIMES URL      URL: where peer.php listens
 */
declare(strict_types = 1);

use CiviShare\{Core, Store};

require dirname(__DIR__) . '/phpt/support.inc';
[, $times, $url] = $argv;

/** A message with one change from the other node, as it signs it. */
function request(string $service, array $payload): array {
  $key = base64_decode(substr(SECRET, strlen('whsec_')));
  $payload += ['protocol' => 'civishare/1', 'recipient' => NODE, 'sender' => OTHER, 'sent' => gmdate('Y-m-d\TH:i:s\Z'), 'service' => $service];
  ksort($payload);
  $flags = JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE;
  $id = 'm-' . bin2hex(random_bytes(8));
  $signature = base64_encode(hash_hmac('sha512', json_encode($payload, $flags), $key, TRUE));
  $body = json_encode(['id' => $id, 'payload' => $payload, 'payload_signature' => $signature], $flags);
  $now = time();
  return [
    'service' => $service,
    'headers' => [
      'content-type' => 'application/json',
      'civishare-sender' => OTHER,
      'webhook-id' => $id,
      'webhook-timestamp' => (string) $now,
      'webhook-signature' => 'v1,' . base64_encode(hash_hmac('sha256', "$id.$now.$body", $key, TRUE)),
    ],
    'body' => $body,
  ];
}

$options = ['allow_http' => TRUE, 'allow_private' => TRUE, 'deadline' => 20000];
$file = store_file();
$store = new Store($file, NODE);
$marks = ['instance' => INSTANCE, 'store' => '', 'journal' => 1, 'applied' => 1];
$marks['store'] = $store->fit($marks)['store'];
$store->begin(1);
$state = Core::settle(edit())['state'];
$sealed = Core::seal('the site key of this site', SECRET);
$wild = edit(['after' => ['first_name' => "Zoë \u{1f600}", 'n' => 1.5, 'list' => ['b', 'a', 1, NULL, TRUE], 'big' => PHP_INT_MAX, 'none' => '']]);
$facts = ['node' => NODE, 'instance' => INSTANCE, 'row' => 7, 'type' => TYPE, 'entity' => 'Contact', 'reference' => '7', 'time' => 1, 'state' => $state, 'peering' => 2, 'all' => ['first_name' => 'Carl']];
$change = received();
$decided = Core::decide($change, NULL, ['node' => NODE, 'now' => 1800000000000, 'peering' => 1]);
$forward = ['node' => NODE, 'instance' => INSTANCE, 'row' => 8, 'change' => $change, 'state' => $decided['state'], 'origin' => 1, 'time' => 2, 'advanced' => $decided['advanced'], 'peerings' => [1, 2], 'derived' => ['before' => ['nick_name' => 'C'], 'after' => ['nick_name' => 'D']]];
$seq = 0;
$message = function () use (&$seq): array {
  $seq++;
  $text = received(['rows' => [['id' => $seq, 'time' => 1729706928201, 'attributes' => ['first_name']]], 'reference' => (string) $seq]);
  return request('changes', ['changes' => [json_decode($text, TRUE)], 'epoch' => INSTANCE, 'seq' => $seq]);
};
$records = ['type' => TYPE, 'after' => '', 'limit' => 10];
$row = 100;
$cyclic = [];
$cyclic['self'] = &$cyclic;

$calls = [
  'Core::version' => [fn() => Core::version()],
  'Core::newSecret' => [fn() => Core::newSecret()],
  'Core::checkSecret' => [fn() => Core::checkSecret(SECRET), fn() => Core::checkSecret('short')],
  'Core::newUid' => [fn() => Core::newUid()],
  'Core::seal' => [fn() => Core::seal('the site key of this site', 'secret'), fn() => Core::seal('', 'secret')],
  'Core::unseal' => [fn() => Core::unseal('the site key of this site', $sealed), fn() => Core::unseal('another key of a site', $sealed)],
  'Core::wants' => [fn() => Core::wants($state, [1, 2]), fn() => Core::wants('rubbish', [1])],
  'Core::latest' => [fn() => Core::latest([7 => $state, 8 => $state], 'first_name'), fn() => Core::latest([1 => NULL], 'first_name'), fn() => Core::latest(['a' => $state], 'first_name')],
  'Core::find' => [
    fn() => Core::find(['operation' => 'merge', 'uid' => 'a', 'same_as' => ['b'], 'merged_uid' => 'c', 'living' => ['a' => '1'], 'gone' => ['c' => '2']]),
    fn() => Core::find(['operation' => 'find', 'uid' => 'a']),
    fn() => Core::find(['operation' => 'update', 'uid' => 'a', 'living' => [1]]),
  ],
  'Core::identify' => [
    fn() => Core::identify(NODE, Core::settle(edit())['changes'], [1 => ['email_primary.email' => 'carl@example.org']]),
    fn() => Core::identify(NODE, [['id' => 'x', 'text' => '{', 'targets' => [1]]], [1 => ['first_name' => 'Carl']]),
    fn() => Core::identify(NODE, [7], [1 => 8]),
  ],
  'Core::take' => [
    fn() => Core::take($change, ['only' => ['nick_name'], 'rename' => ['first_name' => 'nick_name'], 'constant' => ['source' => 'x'], 'translate' => ['nick_name' => ['Carl' => 'Karl']]]),
    fn() => Core::take('{', []),
    fn() => Core::take($change, ['only' => 7]),
  ],
  'Core::settle' => [
    fn() => Core::settle(edit()),
    fn() => Core::settle($wild),
    fn() => Core::settle(edit(['state' => $state, 'operation' => 'delete'])),
    fn() => Core::settle([]),
    fn() => Core::settle(edit(['after' => ['x' => NAN]])),
    fn() => Core::settle(edit(['after' => ['x' => STDIN]])),
    fn() => Core::settle(edit(['after' => ['x' => "\xff"]])),
    fn() => Core::settle(edit(['after' => ['x' => $cyclic]])),
    fn() => Core::settle(edit(['after' => [7 => 'x']])),
    fn() => Core::settle(edit(['after' => new stdClass()])),
    fn() => Core::settle('no array'),
  ],
  'Core::push' => [fn() => Core::push($facts), fn() => Core::push(['state' => '{'] + $facts)],
  'Core::mend' => [fn() => Core::mend($state, 1, NODE), fn() => Core::mend('x', 1, NODE)],
  'Core::decide' => [
    fn() => Core::decide($change, NULL, ['node' => NODE, 'now' => 1800000000000, 'peering' => 1]),
    fn() => Core::decide($change, $state, ['node' => NODE, 'now' => 1800000000000, 'peering' => 1, 'rule' => 'ask', 'linked_now' => TRUE, 'current' => ['first_name' => 'Karla']]),
    fn() => Core::decide('{"a":1,"a":2}', NULL, []),
  ],
  'Core::forward' => [fn() => Core::forward($forward), fn() => Core::forward(['state' => NULL] + $forward)],
  'Store::__construct' => [fn() => new Store($file, NODE), fn() => (new Store($file, NODE))->status(), fn() => new Store('relative', NODE), fn() => (new Store('/proc/none/store.sqlite', NODE))->status()],
  'Store::fit' => [fn() => $store->fit($marks), fn() => $store->fit([])],
  'Store::enqueue' => [fn() => $store->enqueue(changes(1, ++$row)), fn() => $store->enqueue([['id' => 'x', 'text' => '{', 'targets' => [1]]])],
  'Store::send' => [
    fn() => $store->send([peering(['url' => $url])], $options),
    function () use ($store, $options, &$row): void {
      $store->enqueue(changes(1, ++$row));
      $store->resume(1);
      $store->send([peering()], $options);
      $store->resume(1);
    },
    fn() => $store->send([['id' => 1]], $options),
  ],
  'Store::hello' => [fn() => $store->hello(peering(['url' => $url]), FALSE, $options), fn() => $store->hello(peering(), FALSE, $options)],
  'Store::fetch' => [fn() => $store->fetch(peering(['url' => $url]), TYPE, ['u1', 'u2'], $options), fn() => $store->fetch(peering(), TYPE, ['u1'], $options)],
  'Store::receive' => [
    fn() => $store->receive($message(), peering()),
    fn() => $store->receive(request('changes', []), NULL),
    fn() => $store->receive(request('records', $records), peering()),
    fn() => $store->receive(['service' => 'changes', 'headers' => [], 'body' => ''], peering()),
    fn() => $store->receive([], peering()),
  ],
  'Store::answer' => [fn() => $store->answer(request('records', $records), peering(), [$change], 'u9'), fn() => $store->answer([], peering(), [])],
  'Store::claim' => [
    function () use ($store): void {
      foreach ($store->claim(10, 60000) as $index => $claim) {
        $store->finish([['inbox' => $claim['inbox'], 'outcome' => ['applied', 'ignored', 'dead', 'retry'][$index % 4], 'reason' => 'why']]);
      }
    },
  ],
  'Store::finish' => [fn() => $store->finish([['inbox' => 1, 'outcome' => 'nonsense']])],
  'Store::status' => [fn() => $store->status()],
  'Store::deadLetters' => [fn() => $store->deadLetters(['direction' => 'in', 'limit' => 3]), fn() => $store->deadLetters(['direction' => 'up'])],
  'Store::waiting' => [fn() => $store->waiting(['limit' => 3])],
  'Store::retryDead' => [fn() => $store->retryDead(-1), fn() => $store->retryDead(1)],
  'Store::discardDead' => [fn() => array_map(fn($letter) => $store->discardDead($letter['id']), $store->deadLetters(['limit' => 1]))],
  'Store::begin' => [fn() => $store->begin(2)],
  'Store::forget' => [fn() => $store->forget(2)],
  'Store::resume' => [fn() => $store->resume(1)],
  'Store::rotate' => [fn() => $store->rotate(1)],
  'Store::resynced' => [fn() => $store->resynced(1)],
  'Store::lease' => [fn() => $store->lease('job', 1000), fn() => $store->lease("\xff", 1000)],
  'Store::release' => [fn() => $store->release('job')],
  'Store::sweep' => [fn() => $store->sweep()],
  'Store::beginAnew' => [fn() => (new Store(dirname($file) . '/other.sqlite', NODE))->beginAnew($marks)],
];

foreach ([Core::class, Store::class] as $class) {
  foreach ((new ReflectionClass($class))->getMethods(ReflectionMethod::IS_PUBLIC) as $method) {
    $name = substr($class, strlen('CiviShare\\')) . '::' . $method->getName();
    if (!isset($calls[$name]) && $name !== 'Core::__construct') {
      fwrite(STDERR, "$name is not called here\n");
      exit(1);
    }
  }
}
$made = $refused = 0;
for ($time = 0; $time < $times; $time++) {
  foreach ($calls as $ways) {
    foreach ($ways as $call) {
      try {
        $call();
      }
      catch (CiviShare\Exception | TypeError) {
        $refused++;
      }
      $made++;
    }
  }
}
$left = $store->status();
// What is not as expected would make the run say less than it seems to.
if ($left['peerings'][1]['seq'] < $times || $left['peerings'][1]['seq_in'] < $times) {
  fwrite(STDERR, 'nothing was sent or taken: ' . json_encode($left['peerings'][1]) . "\n");
  exit(1);
}
echo "$made calls, $refused of them refused\n";

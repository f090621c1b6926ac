--TEST--
A change travels from the outbox of one store into the inbox of another, is decided and finished
--EXTENSIONS--
posix
pcntl
--FILE--
<?php
require __DIR__ . '/support.inc';
use CiviShare\{Core, Store};

$here = store_file();
$there = store_file();
[$url, $server] = serve(function (string $service, array $headers, string $body) use ($there) {
  $known = ($headers['civishare-sender'] ?? '') === NODE;
  $got = (new Store($there, OTHER))->receive(['service' => $service, 'headers' => $headers, 'body' => $body], $known ? peering(['remote' => NODE]) : NULL);
  return $got;
});
$options = ['allow_http' => TRUE, 'allow_private' => TRUE];
$sender = new Store($here, NODE);
$sender->begin(1);
$sender->enqueue(changes(3));
[$report] = $sender->send([peering(['url' => $url])], $options);
show('sent', fn() => array_intersect_key($report, ['messages' => 0, 'changes' => 0, 'rejected' => 0, 'backlog' => 0, 'error' => 0, 'status' => 0]));
show('nothing left', fn() => $sender->send([peering(['url' => $url])], $options)[0]['messages']);
show('hello', fn() => $sender->hello(peering(['url' => $url]), FALSE, $options));

$receiver = new Store($there, OTHER);
$claims = $receiver->claim(10, 60000);
show('claimed', fn() => array_map(fn($claim) => [$claim['operation'], $claim['reference'], $claim['peering'], $claim['attempts']], $claims));
show('claimed twice', fn() => $receiver->claim(10, 60000));
show('what', fn() => Core::decide($claims[0]['change'], NULL, ['node' => OTHER, 'now' => 1800000000000, 'peering' => 1])['write']);
$receiver->finish([
  ['inbox' => $claims[0]['inbox'], 'outcome' => 'applied'],
  ['inbox' => $claims[1]['inbox'], 'outcome' => 'ignored'],
  ['inbox' => $claims[2]['inbox'], 'outcome' => 'dead', 'reason' => 'no such type'],
]);
show('left', fn() => [$receiver->status()['inbox'], $receiver->status()['dead']]);
[$letter] = $receiver->deadLetters(['direction' => 'in']);
show('dead', fn() => [$letter['peering'], $letter['direction'], $letter['reason']]);
show('retried', fn() => [$receiver->retryDead($letter['id']), $receiver->retryDead($letter['id']), count($receiver->claim(10, 1))]);
show('discarded', fn() => $receiver->discardDead(4711));

show('wrong secret', fn() => $sender->hello(peering(['url' => $url, 'secrets' => [Core::newSecret()]]), FALSE, $options));
show('unknown node', fn() => (new Store($here, 'https://gamma.example.org'))->hello(peering(['url' => $url]), FALSE, $options));
stop($server);
$sender->enqueue(changes(1, 50));
[$report] = $sender->send([peering(['url' => $url])], $options);
show('nobody there', fn() => [$report['messages'], $report['backlog'], $report['error'] !== NULL, $report['next_attempt'] > 0]);
?>
--EXPECT--
sent → {"messages":1,"changes":3,"rejected":0,"backlog":0,"error":null,"status":202}
nothing left → 0
hello → {"types_out":["civishare.change.contact.base"],"types_in":["civishare.change.contact.base"],"rules":{"civishare.change.contact.base":"latest"},"software":"civishare/0.1.0","resync":false}
claimed → [["create","1",1,0],["create","2",1,0],["create","3",1,0]]
claimed twice → []
what → {"first_name":"Carl"}
left → [0,1]
dead → [1,"in","no such type"]
retried → [true,false,1]
discarded → false
wrong secret → CiviShare\Exception: https://beta.example.org does not accept our messages (401): compare the shared secret, both nodes' identifiers and both clocks, and see whether the peering is enabled over there
unknown node → CiviShare\Exception: https://beta.example.org does not accept our messages (401): compare the shared secret, both nodes' identifiers and both clocks, and see whether the peering is enabled over there
nobody there → [0,1,true,true]

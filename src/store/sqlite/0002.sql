-- What is remembered for a month grows by rows at the end and is found by eight bytes of a hash: a long random key would
-- make every message write a page for each of its changes.
DROP TABLE loop_signature;
CREATE TABLE loop_signature (
  id INTEGER PRIMARY KEY,
  short INTEGER NOT NULL, -- the first eight bytes
  marks INTEGER NOT NULL, -- 1 sent, 2 accepted
  until_ms INTEGER NOT NULL,
  signature BLOB NOT NULL
);
CREATE INDEX loop_signature_short ON loop_signature (short);
CREATE INDEX loop_signature_until ON loop_signature (until_ms);

DROP TABLE enqueued;
CREATE TABLE enqueued (
  id INTEGER PRIMARY KEY,
  short INTEGER NOT NULL, -- a hash of change_id
  until_ms INTEGER NOT NULL,
  change_id TEXT NOT NULL
);
CREATE INDEX enqueued_short ON enqueued (short);
CREATE INDEX enqueued_until ON enqueued (until_ms);

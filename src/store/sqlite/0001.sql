CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- A type and the peerings that its changes go to: few rows that very many outbox rows share, so that a peering finds its
-- own rows by the index (route, seq) however many others lie between.
CREATE TABLE route (
  id INTEGER PRIMARY KEY,
  type TEXT NOT NULL,
  targets TEXT NOT NULL, -- peering IDs, ascending, joined by commas
  UNIQUE (type, targets)
);

CREATE TABLE outbox (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  change_id TEXT UNIQUE, -- NULL for a dead letter that was sent again
  route INTEGER NOT NULL,
  signature BLOB NOT NULL,
  added_ms INTEGER NOT NULL,
  text TEXT NOT NULL
);
CREATE INDEX outbox_route ON outbox (route);

-- The changes that have left the outbox, so that enqueuing them once more still does nothing.
CREATE TABLE enqueued (change_id TEXT PRIMARY KEY, until_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX enqueued_until ON enqueued (until_ms);

CREATE TABLE peering (
  id INTEGER PRIMARY KEY,
  cursor INTEGER NOT NULL DEFAULT 0, -- outbox rows up to here are frozen in messages, or passed over
  epoch TEXT,
  next_seq INTEGER NOT NULL DEFAULT 1, -- the seq of the oldest message that was not taken yet
  renewals INTEGER NOT NULL DEFAULT 0,
  renewals_since_ms INTEGER NOT NULL DEFAULT 0,
  attempts INTEGER NOT NULL DEFAULT 0,
  failing_since_ms INTEGER,
  last_success_ms INTEGER,
  last_error TEXT,
  last_status INTEGER,
  next_attempt_ms INTEGER NOT NULL DEFAULT 0,
  stopped TEXT,
  resync_due INTEGER NOT NULL DEFAULT 0,
  rotated_ms INTEGER,
  rotation_attempt_ms INTEGER NOT NULL DEFAULT 0,
  hello_sent_ms INTEGER NOT NULL DEFAULT 0 -- `sent` of the last hello that was taken
);

-- Frozen messages. Epoch and seq are those of the peering's line: only its oldest message is ever under way.
CREATE TABLE message (
  number INTEGER PRIMARY KEY,
  peering INTEGER NOT NULL,
  position INTEGER NOT NULL,
  id TEXT NOT NULL UNIQUE,
  frozen_ms INTEGER NOT NULL,
  changes INTEGER NOT NULL,
  signatures BLOB NOT NULL, -- 64 bytes a change
  texts TEXT NOT NULL -- canonical, so a line feed parts them
);
CREATE INDEX message_position ON message (peering, position);

CREATE TABLE line_in (
  peering INTEGER PRIMARY KEY,
  epoch TEXT NOT NULL,
  last_seq INTEGER NOT NULL
);
CREATE TABLE superseded (
  peering INTEGER NOT NULL,
  epoch TEXT NOT NULL,
  PRIMARY KEY (peering, epoch)
) WITHOUT ROWID;
CREATE TABLE taken (
  peering INTEGER NOT NULL,
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL,
  id TEXT NOT NULL,
  digest BLOB NOT NULL,
  answer TEXT NOT NULL,
  taken_ms INTEGER NOT NULL,
  PRIMARY KEY (peering, epoch, seq)
) WITHOUT ROWID;
CREATE INDEX taken_id ON taken (peering, id);
CREATE INDEX taken_ms ON taken (taken_ms);

-- The IDs of hello and records messages, which are taken once.
CREATE TABLE seen (
  peering INTEGER NOT NULL,
  id TEXT NOT NULL,
  until_ms INTEGER NOT NULL,
  PRIMARY KEY (peering, id)
) WITHOUT ROWID;

-- The counters of versions that were worked out for simple peers.
CREATE TABLE reading (
  peering INTEGER NOT NULL,
  ms INTEGER NOT NULL,
  counter INTEGER NOT NULL,
  until_ms INTEGER NOT NULL,
  PRIMARY KEY (peering, ms)
) WITHOUT ROWID;

CREATE TABLE loop_signature (
  signature BLOB PRIMARY KEY,
  marks INTEGER NOT NULL, -- 1 sent, 2 accepted
  until_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX loop_signature_until ON loop_signature (until_ms);

CREATE TABLE inbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  due_ms INTEGER NOT NULL DEFAULT 0, -- the end of its lease, or of its waiting
  leased INTEGER NOT NULL DEFAULT 0,
  peering INTEGER NOT NULL,
  change_id TEXT NOT NULL,
  type TEXT NOT NULL,
  came_round INTEGER NOT NULL,
  links_only INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  reason TEXT,
  added_ms INTEGER NOT NULL,
  signature BLOB NOT NULL,
  uids TEXT NOT NULL, -- joined by commas
  text TEXT NOT NULL
);
CREATE INDEX inbox_order ON inbox (id, due_ms);
CREATE TABLE inbox_uid (
  uid TEXT NOT NULL,
  inbox INTEGER NOT NULL,
  PRIMARY KEY (uid, inbox)
) WITHOUT ROWID;

CREATE TABLE dead_letter (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  direction TEXT NOT NULL, -- out, in
  peering INTEGER NOT NULL,
  change_id TEXT NOT NULL,
  type TEXT NOT NULL,
  reason TEXT NOT NULL,
  dead_ms INTEGER NOT NULL,
  came_round INTEGER NOT NULL DEFAULT 0,
  links_only INTEGER NOT NULL DEFAULT 0,
  signature BLOB NOT NULL,
  uids TEXT NOT NULL DEFAULT '',
  text TEXT NOT NULL
);

CREATE TABLE lease (name TEXT PRIMARY KEY, owner TEXT NOT NULL, until_ms INTEGER NOT NULL) WITHOUT ROWID;

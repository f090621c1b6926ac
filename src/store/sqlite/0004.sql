-- The newest change in the inbox when a peer with a new store asked for everything: a push that came before these were applied
-- would not tell of them.
ALTER TABLE peering ADD COLUMN resync_after INTEGER NOT NULL DEFAULT 0;

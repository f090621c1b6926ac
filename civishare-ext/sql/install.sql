-- The tables of CiviShare. Identifiers, UIDs and signatures are compared byte by byte, hence ascii_bin.

CREATE TABLE IF NOT EXISTS `civicrm_share_node` (
  `id` int unsigned NOT NULL AUTO_INCREMENT,
  `name` varchar(128) NOT NULL COMMENT 'Label for people',
  `identifier` varchar(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'URL-like name of the node in the whole network',
  `is_local` tinyint NOT NULL DEFAULT 0 COMMENT 'Is it a name of this very site?',
  `description` text,
  `is_enabled` tinyint NOT NULL DEFAULT 1,
  PRIMARY KEY (`id`),
  UNIQUE KEY `UI_identifier` (`identifier`)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;

CREATE TABLE IF NOT EXISTS `civicrm_share_node_peering` (
  `id` int unsigned NOT NULL AUTO_INCREMENT,
  `local_node_id` int unsigned NOT NULL,
  `remote_node_id` int unsigned NOT NULL,
  `endpoint_url` varchar(2048) DEFAULT NULL COMMENT 'Where the remote node takes messages',
  `secret` text COMMENT 'Sealed. No API field: it never leaves',
  `secret_new` text COMMENT 'Sealed. The next secret while the two sites change over',
  `secret_date` datetime DEFAULT NULL COMMENT 'When the secret was set; empty means there is none',
  `secret_new_date` datetime DEFAULT NULL COMMENT 'When a change of the secret was begun; empty means that none is under way',
  `secret_new_ours_date` datetime DEFAULT NULL COMMENT 'When the remote node answered under the new secret',
  `secret_new_theirs_date` datetime DEFAULT NULL COMMENT 'When the remote node last used the new secret by itself',
  `is_enabled` tinyint NOT NULL DEFAULT 1,
  `ended_date` datetime DEFAULT NULL COMMENT 'When the peering was ended; its key still answers for 90 days',
  `types_out` text COMMENT 'JSON: change types that go out',
  `types_in` text COMMENT 'JSON: change types that come in',
  `conflict_rule` varchar(16) NOT NULL DEFAULT 'latest',
  `delivery` varchar(16) NOT NULL DEFAULT 'aggregate',
  `is_simple` tinyint NOT NULL DEFAULT 0 COMMENT 'Takes messages in the shape of the founding example',
  `options` text COMMENT 'JSON: matching rule, rules per change type and the like',
  `created_date` datetime NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  UNIQUE KEY `UI_local_remote` (`local_node_id`, `remote_node_id`),
  KEY `FK_civicrm_share_node_peering_remote_node_id` (`remote_node_id`),
  CONSTRAINT `FK_civicrm_share_node_peering_local_node_id` FOREIGN KEY (`local_node_id`) REFERENCES `civicrm_share_node` (`id`) ON DELETE RESTRICT,
  CONSTRAINT `FK_civicrm_share_node_peering_remote_node_id` FOREIGN KEY (`remote_node_id`) REFERENCES `civicrm_share_node` (`id`) ON DELETE RESTRICT
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;

-- One row for each entity that has been shared; the state is the core's own text.
CREATE TABLE IF NOT EXISTS `civicrm_share_entity` (
  `id` int unsigned NOT NULL AUTO_INCREMENT,
  `entity_type` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `entity_id` int unsigned DEFAULT NULL COMMENT 'Empty once the entity is deleted',
  `uid` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `state` mediumtext,
  PRIMARY KEY (`id`),
  UNIQUE KEY `UI_entity` (`entity_type`, `entity_id`),
  UNIQUE KEY `UI_uid` (`uid`)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;

CREATE TABLE IF NOT EXISTS `civicrm_share_uid` (
  `uid` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `share_entity_id` int unsigned NOT NULL,
  PRIMARY KEY (`uid`),
  KEY `FK_civicrm_share_uid_share_entity_id` (`share_entity_id`),
  CONSTRAINT `FK_civicrm_share_uid_share_entity_id` FOREIGN KEY (`share_entity_id`) REFERENCES `civicrm_share_entity` (`id`) ON DELETE CASCADE
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;

-- Written by triggers, in the transaction of the write that it notes. An error here would make a user's save fail, so nothing is
-- checked: no foreign keys, wide columns, NULL wherever it can be.
CREATE TABLE IF NOT EXISTS `civicrm_share_journal` (
  `id` bigint unsigned NOT NULL AUTO_INCREMENT,
  `table_name` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `entity_id` int unsigned NOT NULL,
  `operation` char(1) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'I, U, D, M(erge), F(orward)',
  `columns` text COMMENT 'Changed shared columns, comma between',
  `time_ms` bigint unsigned NOT NULL COMMENT 'When it was written; once settled, when that was',
  `request` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `connection_id` bigint unsigned DEFAULT NULL,
  `cause` varchar(191) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `payload` longtext COMMENT 'Empty: open. Otherwise settled, these changes go to the outbox',
  PRIMARY KEY (`id`),
  KEY `index_entity` (`table_name`, `entity_id`),
  KEY `index_request` (`request`)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;

-- References whose target has not arrived yet.
CREATE TABLE IF NOT EXISTS `civicrm_share_waiting` (
  `id` int unsigned NOT NULL AUTO_INCREMENT,
  `entity_type` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `entity_id` int unsigned NOT NULL,
  `attribute` varchar(191) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `uid` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'What is waited for',
  `value` text COMMENT 'JSON: the value as received',
  PRIMARY KEY (`id`),
  UNIQUE KEY `UI_reference` (`entity_type`, `entity_id`, `attribute`, `uid`),
  KEY `index_uid` (`uid`)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;

-- What changes of a peer refer to and has not come: the peer is asked for it.
CREATE TABLE IF NOT EXISTS `civicrm_share_missing` (
  `peering_id` int unsigned NOT NULL,
  `uid` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `entity_type` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `next_ms` bigint unsigned NOT NULL COMMENT 'When the peer is asked next',
  `attempts` int unsigned NOT NULL DEFAULT 0 COMMENT 'How often it has not answered',
  `is_denied` tinyint NOT NULL DEFAULT 0 COMMENT 'The peer does not share it',
  `since_ms` bigint unsigned NOT NULL COMMENT 'When it was first missed',
  PRIMARY KEY (`peering_id`, `uid`),
  KEY `index_uid` (`uid`),
  KEY `index_next` (`is_denied`, `next_ms`)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;

-- Where edits are found in CiviCRM's log: digests of the values that were last seen.
CREATE TABLE IF NOT EXISTS `civicrm_share_known` (
  `type` varchar(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `entity_id` int unsigned NOT NULL,
  `digest` mediumtext COMMENT 'JSON: column => digest',
  PRIMARY KEY (`type`, `entity_id`)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;

-- Who was in the filter of a peering when it was last looked at, so that it shows who enters and who leaves.
CREATE TABLE IF NOT EXISTS `civicrm_share_passed` (
  `peering_id` int unsigned NOT NULL,
  `entity_type` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `entity_id` int unsigned NOT NULL,
  PRIMARY KEY (`peering_id`, `entity_type`, `entity_id`)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;

CREATE TABLE IF NOT EXISTS `civicrm_share_applied` (
  `signature` char(88) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `applied_ms` bigint unsigned NOT NULL,
  PRIMARY KEY (`signature`),
  KEY `index_applied_ms` (`applied_ms`)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;

CREATE TABLE IF NOT EXISTS `civicrm_share_conflict` (
  `id` int unsigned NOT NULL AUTO_INCREMENT,
  `share_entity_id` int unsigned NOT NULL,
  `peering_id` int unsigned NOT NULL,
  `attribute` varchar(255) NOT NULL,
  `ours` mediumtext COMMENT 'JSON',
  `ours_version` varchar(320) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `theirs` mediumtext COMMENT 'JSON',
  `theirs_version` varchar(320) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `created_date` datetime NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  KEY `FK_civicrm_share_conflict_share_entity_id` (`share_entity_id`),
  CONSTRAINT `FK_civicrm_share_conflict_share_entity_id` FOREIGN KEY (`share_entity_id`) REFERENCES `civicrm_share_entity` (`id`) ON DELETE CASCADE
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;

-- What a person has decided about a contact that the matching rule could not tell.
CREATE TABLE IF NOT EXISTS `civicrm_share_choice` (
  `id` int unsigned NOT NULL AUTO_INCREMENT,
  `uid` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `contact_id` int unsigned DEFAULT NULL COMMENT 'Empty: a new one',
  `created_date` datetime NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  UNIQUE KEY `UI_uid` (`uid`)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;

-- Contacts that are one contact for a peer: proposals to merge them.
CREATE TABLE IF NOT EXISTS `civicrm_share_pair` (
  `id` int unsigned NOT NULL AUTO_INCREMENT,
  `peering_id` int unsigned NOT NULL,
  `contact_id1` int unsigned NOT NULL COMMENT 'The lower one',
  `contact_id2` int unsigned NOT NULL,
  `created_date` datetime NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  UNIQUE KEY `UI_contacts` (`contact_id1`, `contact_id2`)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;

-- Facts about this installation: its UUID tells a restored or copied database from the one that the store was made for.
CREATE TABLE IF NOT EXISTS `civicrm_share_instance` (
  `name` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `value` text,
  PRIMARY KEY (`name`)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC;

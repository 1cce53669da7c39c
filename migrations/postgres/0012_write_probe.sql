-- How often it was tried whether the database takes writes. A value that changes: SQLite writes no page whose bytes stay the same, so an
-- update to the same value would succeed on a full disk.
ALTER TABLE configuration ADD COLUMN write_probes BIGINT NOT NULL DEFAULT 0;

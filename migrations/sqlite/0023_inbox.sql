-- What waits for a group's members, by deadline. Rows of an earlier version have the time 0 while their request is pending: they
-- come first.
ALTER TABLE request_groups ADD COLUMN expires_at INTEGER NOT NULL DEFAULT 0;

UPDATE request_groups SET expires_at = (SELECT r.expires_at FROM requests r WHERE r.id = request_groups.request_id) WHERE open = 1;

CREATE INDEX request_groups_by_deadline ON request_groups (group_name, expires_at, request_id) WHERE open = 1;

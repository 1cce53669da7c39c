-- The newest request that a check of a group's members has to look at: what is asked later is judged by the group as it is then. A
-- check of an earlier version has no such end.
ALTER TABLE membership_checks ADD COLUMN until TEXT NOT NULL DEFAULT 'req_~';

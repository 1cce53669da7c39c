-- How often an endpoint has failed in a row, and how last: for whoever looks at it, and so that two failures with nothing in
-- between but time do not switch it off.
ALTER TABLE endpoint_health
    ADD COLUMN failures BIGINT NOT NULL DEFAULT 1 CHECK (failures >= 1),
    ADD COLUMN last_error TEXT COLLATE "C";

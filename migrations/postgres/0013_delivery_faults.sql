-- What an endpoint is charged with apart from what merely fails, and what a delivery made before it was last asked for again.

-- Failures that count against the endpoint: only they switch it off. All failures are shown and warned of.
ALTER TABLE endpoint_health ADD COLUMN charged BIGINT NOT NULL DEFAULT 0 CHECK (charged >= 0);
ALTER TABLE endpoint_health ADD COLUMN charged_since BIGINT;
UPDATE endpoint_health SET charged = failures, charged_since = failing_since;

-- The schedule of a replay begins from its start: attempts made before it are no faults of the hub's.
ALTER TABLE deliveries ADD COLUMN attempts_before BIGINT NOT NULL DEFAULT 0 CHECK (attempts_before >= 0);
UPDATE deliveries SET attempts_before = uncharged, uncharged = 0, lost = 0
    WHERE replays > 0 AND state IN ('pending', 'leased');

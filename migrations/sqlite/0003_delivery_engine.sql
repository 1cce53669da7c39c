-- The delivery engine: how endpoints are reached and how they fare, tiers of the queue, replays, and what must never be found.

-- Counts every change of configuration, so that what is kept in memory can be held against it.
CREATE TABLE configuration (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL
) STRICT;

INSERT INTO configuration (id, version) VALUES (1, 1);

ALTER TABLE endpoints ADD COLUMN transport TEXT NOT NULL DEFAULT '{}';
ALTER TABLE endpoints ADD COLUMN retiring TEXT NOT NULL DEFAULT '[]';
ALTER TABLE endpoints ADD COLUMN paused_at INTEGER;

-- Apart from the endpoints, since it changes without anybody's asking. No row is good health.
CREATE TABLE endpoint_health (
    endpoint_id TEXT NOT NULL PRIMARY KEY REFERENCES endpoints (id),
    failing_since INTEGER NOT NULL,
    warned INTEGER NOT NULL CHECK (warned >= 0),
    probe_at INTEGER,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX endpoint_probes ON endpoint_health (probe_at) WHERE probe_at IS NOT NULL;

-- What an event is about is a request or an endpoint.
ALTER TABLE events RENAME COLUMN request TO subject;
-- How many deliveries were made for it; unknown of those before this.
ALTER TABLE events ADD COLUMN fanout INTEGER CHECK (fanout >= 0);
ALTER TABLE events ADD COLUMN trace TEXT;

-- 0: never tried. 1: tried before. 2: asked for again by hand.
ALTER TABLE deliveries ADD COLUMN tier INTEGER NOT NULL DEFAULT 0 CHECK (tier IN (0, 1, 2));
-- Of the attempts, those that the schedule does not count: faults of our own side, and whatever was before a replay.
ALTER TABLE deliveries ADD COLUMN uncharged INTEGER NOT NULL DEFAULT 0 CHECK (uncharged >= 0);
ALTER TABLE deliveries ADD COLUMN replays INTEGER NOT NULL DEFAULT 0 CHECK (replays >= 0);
UPDATE deliveries SET tier = 1 WHERE attempts > 0;

DROP INDEX deliveries_due;
CREATE INDEX deliveries_due ON deliveries (endpoint_id, tier, next_attempt_at) WHERE state = 'pending';
CREATE INDEX deliveries_unsuccessful ON deliveries (endpoint_id, id)
    WHERE state IN ('failed', 'expired', 'superseded', 'discarded');
-- Found by the request's events.
DROP INDEX deliveries_by_request;

ALTER TABLE attempts ADD COLUMN endpoint_id TEXT;
UPDATE attempts SET endpoint_id = (SELECT d.endpoint_id FROM deliveries d WHERE d.id = attempts.delivery_id);
CREATE INDEX attempts_by_endpoint ON attempts (endpoint_id, started_at);

CREATE TABLE replays (
    id TEXT NOT NULL PRIMARY KEY,
    endpoint_id TEXT NOT NULL REFERENCES endpoints (id),
    filter TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'finished', 'cancelled')),
    rate_per_second INTEGER NOT NULL CHECK (rate_per_second >= 1),
    after TEXT NOT NULL,
    matched INTEGER NOT NULL CHECK (matched >= 0),
    replayed INTEGER NOT NULL CHECK (replayed >= 0),
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    step_at INTEGER,
    ended_at INTEGER,
    CONSTRAINT step_iff_running CHECK ((state = 'running') = (step_at IS NOT NULL)),
    CONSTRAINT replay_ended_iff_final CHECK ((state = 'running') = (ended_at IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX replays_due ON replays (step_at) WHERE step_at IS NOT NULL;
CREATE INDEX replays_by_endpoint ON replays (endpoint_id, id);

-- Has to be empty at any time: what is in it would never be told and nobody would know.
CREATE VIEW lost_deliveries AS
SELECT e.id AS event_id, NULL AS delivery_id, 'fewer deliveries than the event was fanned out to' AS why
FROM events e
WHERE e.fanout IS NOT NULL AND e.fanout <> (SELECT COUNT(*) FROM deliveries d WHERE d.event_id = e.id)
UNION ALL
SELECT d.event_id, d.id, 'neither waiting, nor held, nor ended'
FROM deliveries d
WHERE (d.state = 'pending' AND d.next_attempt_at IS NULL)
   OR (d.state = 'leased' AND d.lease_until IS NULL)
   OR (d.state NOT IN ('pending', 'leased') AND d.ended_at IS NULL)
UNION ALL
SELECT d.event_id, d.id, 'said to have arrived without an attempt that succeeded'
FROM deliveries d
WHERE d.state IN ('delivered', 'accepted')
  AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.delivery_id = d.id AND a.class = 'success')
UNION ALL
SELECT d.event_id, d.id, 'ended without arriving, and without a reason'
FROM deliveries d
WHERE d.state IN ('failed', 'expired', 'superseded', 'discarded') AND d.end_reason IS NULL
UNION ALL
SELECT d.event_id, d.id, 'attempts that are not on record'
FROM deliveries d
WHERE d.attempts <> (SELECT COUNT(*) FROM attempts a WHERE a.delivery_id = d.id)
UNION ALL
SELECT d.event_id, d.id, 'held an hour beyond its lease'
FROM deliveries d
WHERE d.state = 'leased' AND d.lease_until < (SELECT MAX(a.at) FROM audit_entries a) - 3600000000;

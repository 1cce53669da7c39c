-- How much of a request leaves for a channel, links for one person, and who looked at links.

ALTER TABLE endpoints ADD COLUMN detail TEXT NOT NULL DEFAULT 'full' CHECK (detail IN ('full', 'redacted', 'link_only'));
ALTER TABLE endpoints ADD COLUMN recipient TEXT;

-- What the request's own terms let through: an event is told as it was decided when it happened.
ALTER TABLE events ADD COLUMN detail TEXT NOT NULL DEFAULT 'full' CHECK (detail IN ('full', 'redacted', 'link_only'));

-- Who looked at the links of a message, and what came of them, counted: a row for each sort and slot.
CREATE TABLE link_events (
    delivery_id TEXT NOT NULL,
    slot TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('fetched', 'viewed', 'acted')),
    request_id TEXT NOT NULL,
    count INTEGER NOT NULL CHECK (count >= 1),
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (delivery_id, slot, kind),
    CONSTRAINT first_before_last CHECK (first_at <= last_at)
) STRICT, WITHOUT ROWID;

CREATE INDEX link_events_by_request ON link_events (request_id);

-- How much of a request leaves for a channel, links for one person, and who looked at links.

ALTER TABLE endpoints
    ADD COLUMN detail TEXT COLLATE "C" NOT NULL DEFAULT 'full' CHECK (detail IN ('full', 'redacted', 'link_only')),
    ADD COLUMN recipient TEXT COLLATE "C";

-- What the request's own terms let through: an event is told as it was decided when it happened.
ALTER TABLE events
    ADD COLUMN detail TEXT COLLATE "C" NOT NULL DEFAULT 'full' CHECK (detail IN ('full', 'redacted', 'link_only'));

-- Who looked at the links of a message, and what came of them, counted: a row for each sort and slot.
CREATE TABLE link_events (
    delivery_id TEXT COLLATE "C" NOT NULL,
    slot TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('fetched', 'viewed', 'acted')),
    request_id TEXT COLLATE "C" NOT NULL,
    count BIGINT NOT NULL CHECK (count >= 1),
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (delivery_id, slot, kind),
    CONSTRAINT first_before_last CHECK (first_at <= last_at)
);

CREATE INDEX link_events_by_request ON link_events (request_id);

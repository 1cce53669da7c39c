-- The approval engine: more kinds and ends of requests, changed commands, use, access, absences, reminders.
-- SQLite changes no constraint in place, so the requests and all that refers to them are made anew.

CREATE TABLE new_requests (
    id TEXT NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL CHECK (revision >= 1),
    kind TEXT NOT NULL CHECK (kind IN ('action', 'jit')),
    resource TEXT NOT NULL,
    command TEXT NOT NULL,
    language TEXT,
    context TEXT,
    duration_seconds INTEGER,
    digest TEXT NOT NULL,
    requester_email TEXT,
    requester_name TEXT,
    requester_groups TEXT NOT NULL,
    reason TEXT,
    labels TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'approved', 'rejected', 'expired', 'cancelled', 'superseded')),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL CHECK (expires_at > created_at),
    decided_at INTEGER,
    decision TEXT,
    terms TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    acting_for TEXT,
    beneficiary TEXT,
    change TEXT,
    supersedes TEXT,
    superseded_by TEXT,
    undecidable INTEGER NOT NULL DEFAULT 0 CHECK (undecidable IN (0, 1)),
    reminders INTEGER NOT NULL DEFAULT 0 CHECK (reminders >= 0),
    escalations INTEGER NOT NULL DEFAULT 0 CHECK (escalations >= 0),
    notice_at INTEGER,
    CONSTRAINT decided_iff_final CHECK ((status = 'pending') = (decided_at IS NULL)),
    CONSTRAINT decision_iff_final CHECK ((status = 'pending') = (decision IS NULL)),
    CONSTRAINT duration_iff_jit CHECK ((kind = 'jit') = (duration_seconds IS NOT NULL)),
    CONSTRAINT changed_iff_revised CHECK ((revision > 1) = (change IS NOT NULL)),
    CONSTRAINT notice_while_pending CHECK (notice_at IS NULL OR status = 'pending'),
    CONSTRAINT undecidable_while_pending CHECK (undecidable = 0 OR status = 'pending'),
    CONSTRAINT superseded_has_successor CHECK (status <> 'superseded' OR superseded_by IS NOT NULL)
) STRICT, WITHOUT ROWID;

INSERT INTO new_requests (id, revision, kind, resource, command, language, context, duration_seconds, digest, requester_email,
    requester_name, requester_groups, reason, labels, status, created_at, expires_at, decided_at, decision, terms, asked_by)
SELECT id, revision, kind, resource, command, language, context, duration_seconds, digest, requester_email,
    requester_name, requester_groups, reason, labels, status, created_at, expires_at, decided_at, decision, terms, asked_by
FROM requests;

CREATE TABLE new_votes (
    id TEXT NOT NULL PRIMARY KEY,
    request_id TEXT NOT NULL REFERENCES new_requests (id),
    revision INTEGER NOT NULL,
    person TEXT NOT NULL,
    choice TEXT NOT NULL CHECK (choice IN ('approve', 'reject')),
    groups TEXT NOT NULL,
    reason TEXT,
    assurance TEXT NOT NULL,
    channel TEXT NOT NULL,
    link_delivery TEXT,
    link_group TEXT,
    digest TEXT NOT NULL,
    at INTEGER NOT NULL,
    voided INTEGER NOT NULL CHECK (voided IN (0, 1)),
    on_behalf_of TEXT,
    seat TEXT NOT NULL,
    narrowing TEXT,
    CONSTRAINT link_whole CHECK ((link_delivery IS NULL) = (link_group IS NULL)),
    CONSTRAINT seat_is_whose_right CHECK (seat = COALESCE(on_behalf_of, person))
) STRICT, WITHOUT ROWID;

INSERT INTO new_votes (id, request_id, revision, person, choice, groups, reason, assurance, channel, link_delivery, link_group,
    digest, at, voided, seat)
SELECT id, request_id, revision, person, choice, groups, reason, assurance, channel, link_delivery, link_group,
    digest, at, voided, person
FROM votes;

CREATE TABLE new_events (
    id TEXT NOT NULL PRIMARY KEY,
    type TEXT NOT NULL,
    request_id TEXT REFERENCES new_requests (id),
    at INTEGER NOT NULL,
    request TEXT NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO new_events SELECT id, type, request_id, at, request FROM events;

CREATE TABLE new_deliveries (
    id TEXT NOT NULL PRIMARY KEY,
    event_id TEXT NOT NULL REFERENCES new_events (id),
    endpoint_id TEXT NOT NULL REFERENCES endpoints (id),
    request_id TEXT,
    state TEXT NOT NULL CHECK (state IN ('pending', 'leased', 'delivered', 'accepted', 'failed', 'expired', 'superseded', 'discarded')),
    attempts INTEGER NOT NULL CHECK (attempts >= 0),
    lost INTEGER NOT NULL CHECK (lost >= 0 AND lost <= attempts),
    next_attempt_at INTEGER,
    fence INTEGER NOT NULL,
    leased_at INTEGER,
    lease_until INTEGER,
    created_at INTEGER NOT NULL,
    ended_at INTEGER,
    end_reason TEXT,
    CONSTRAINT due_iff_pending CHECK ((state = 'pending') = (next_attempt_at IS NOT NULL)),
    CONSTRAINT lease_iff_leased CHECK ((state = 'leased') = (lease_until IS NOT NULL)),
    CONSTRAINT lease_whole CHECK ((leased_at IS NULL) = (lease_until IS NULL)),
    CONSTRAINT ended_iff_final CHECK ((state IN ('pending', 'leased')) = (ended_at IS NULL))
) STRICT, WITHOUT ROWID;

INSERT INTO new_deliveries SELECT id, event_id, endpoint_id, request_id, state, attempts, lost, next_attempt_at, fence, leased_at,
    lease_until, created_at, ended_at, end_reason FROM deliveries;

CREATE TABLE new_attempts (
    delivery_id TEXT NOT NULL REFERENCES new_deliveries (id),
    number INTEGER NOT NULL CHECK (number >= 1),
    started_at INTEGER NOT NULL,
    duration_us INTEGER NOT NULL CHECK (duration_us >= 0),
    class TEXT NOT NULL,
    status INTEGER,
    error TEXT,
    answer TEXT,
    PRIMARY KEY (delivery_id, number)
) STRICT, WITHOUT ROWID;

INSERT INTO new_attempts SELECT delivery_id, number, started_at, duration_us, class, status, error, answer FROM attempts;

DROP TABLE attempts;
DROP TABLE deliveries;
DROP TABLE events;
DROP TABLE votes;
DROP TABLE requests;

ALTER TABLE new_requests RENAME TO requests;
ALTER TABLE new_votes RENAME TO votes;
ALTER TABLE new_events RENAME TO events;
ALTER TABLE new_deliveries RENAME TO deliveries;
ALTER TABLE new_attempts RENAME TO attempts;

-- Begins with the status, or SQLite takes requests_by_status for it and sorts all that waits.
CREATE INDEX requests_pending ON requests (status, expires_at) WHERE status = 'pending';
CREATE INDEX requests_by_resource ON requests (resource, id);
CREATE INDEX requests_by_requester ON requests (requester_email, id);
CREATE INDEX requests_by_asker ON requests (asked_by, id);
CREATE INDEX requests_by_status ON requests (status, id);
CREATE INDEX requests_by_end ON requests (decided_at, id) WHERE decided_at IS NOT NULL;
CREATE INDEX votes_by_request ON votes (request_id, id);
CREATE UNIQUE INDEX one_live_vote_per_person ON votes (request_id, revision, person) WHERE voided = 0;
CREATE UNIQUE INDEX one_live_vote_per_link ON votes (request_id, revision, link_delivery, link_group)
    WHERE voided = 0 AND link_delivery IS NOT NULL;
CREATE INDEX events_by_request ON events (request_id, id);
CREATE UNIQUE INDEX one_delivery_per_event_and_endpoint ON deliveries (event_id, endpoint_id);
CREATE INDEX deliveries_due ON deliveries (endpoint_id, next_attempt_at) WHERE state = 'pending';
CREATE INDEX deliveries_next ON deliveries (next_attempt_at) WHERE state = 'pending';
CREATE INDEX deliveries_leased ON deliveries (lease_until) WHERE state = 'leased';
CREATE INDEX deliveries_by_endpoint ON deliveries (endpoint_id, id);
CREATE INDEX deliveries_by_request ON deliveries (request_id, id);

CREATE INDEX requests_by_kind ON requests (kind, id);
CREATE INDEX requests_notice ON requests (notice_at) WHERE notice_at IS NOT NULL;
CREATE UNIQUE INDEX one_live_vote_per_seat ON votes (request_id, revision, seat) WHERE voided = 0;
CREATE INDEX votes_by_person ON votes (person, request_id);

CREATE TABLE revisions (
    request_id TEXT NOT NULL REFERENCES requests (id),
    revision INTEGER NOT NULL CHECK (revision >= 1),
    command TEXT NOT NULL,
    language TEXT,
    context TEXT,
    duration_seconds INTEGER,
    digest TEXT NOT NULL,
    PRIMARY KEY (request_id, revision)
) STRICT, WITHOUT ROWID;

CREATE TABLE request_groups (
    group_name TEXT NOT NULL,
    request_id TEXT NOT NULL REFERENCES requests (id),
    open INTEGER NOT NULL CHECK (open IN (0, 1)),
    PRIMARY KEY (group_name, request_id)
) STRICT, WITHOUT ROWID;

INSERT INTO request_groups (group_name, request_id, open)
SELECT json_extract(slot.value, '$.group'), r.id, r.status = 'pending' FROM requests r, json_each(r.terms, '$.slots') slot;

CREATE INDEX request_groups_open ON request_groups (group_name, request_id) WHERE open = 1;
CREATE INDEX request_groups_by_request ON request_groups (request_id);

CREATE TABLE membership_checks (
    group_name TEXT NOT NULL PRIMARY KEY,
    after TEXT NOT NULL,
    asked_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX group_members_by_email ON group_members (email, group_name);

CREATE TABLE executions (
    request_id TEXT NOT NULL PRIMARY KEY REFERENCES requests (id),
    status TEXT NOT NULL CHECK (status IN ('ready', 'claimed', 'succeeded', 'failed', 'unknown', 'lapsed', 'revoked')),
    digest TEXT NOT NULL,
    use_by INTEGER NOT NULL,
    fence INTEGER NOT NULL CHECK (fence IN (0, 1)),
    lease_seconds INTEGER NOT NULL,
    lease_expires_at INTEGER,
    claimed_at INTEGER,
    claimed_by TEXT,
    claim_key TEXT,
    finished_at INTEGER,
    exit_code INTEGER,
    output TEXT,
    output_truncated INTEGER NOT NULL CHECK (output_truncated IN (0, 1)),
    output_digest TEXT,
    reason TEXT,
    revoked_by TEXT,
    due_at INTEGER,
    CONSTRAINT claimed_once CHECK ((status IN ('ready', 'lapsed', 'revoked')) = (claimed_at IS NULL)),
    CONSTRAINT fenced_iff_claimed CHECK ((fence = 0) = (claimed_at IS NULL)),
    CONSTRAINT due_iff_open CHECK ((status IN ('ready', 'claimed')) = (due_at IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX executions_due ON executions (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE grants (
    id TEXT NOT NULL PRIMARY KEY,
    request_id TEXT NOT NULL UNIQUE REFERENCES requests (id),
    resource TEXT NOT NULL,
    requester TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('scheduled', 'active', 'ended', 'revoked')),
    starts_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL CHECK (ends_at > starts_at),
    ended_at INTEGER,
    ended_by TEXT,
    reason TEXT,
    due_at INTEGER,
    CONSTRAINT grant_ended_iff_final CHECK ((status IN ('ended', 'revoked')) = (ended_at IS NOT NULL)),
    CONSTRAINT grant_due_iff_open CHECK ((status IN ('scheduled', 'active')) = (due_at IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX grants_open ON grants (resource, requester, ends_at) WHERE due_at IS NOT NULL;
CREATE INDEX grants_due ON grants (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX grants_by_requester ON grants (requester, id);
CREATE INDEX grants_by_resource ON grants (resource, id);
CREATE INDEX grants_by_status ON grants (status, id);

CREATE TABLE reviews (
    request_id TEXT NOT NULL PRIMARY KEY REFERENCES requests (id),
    person TEXT NOT NULL,
    at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    told INTEGER NOT NULL CHECK (told IN (0, 1)),
    reviewed_at INTEGER,
    reviewed_by TEXT,
    justified INTEGER CHECK (justified IN (0, 1)),
    note TEXT,
    CONSTRAINT reviewed_whole CHECK ((reviewed_at IS NULL) = (justified IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX reviews_by_person ON reviews (person, at);
CREATE INDEX reviews_due ON reviews (due_at) WHERE reviewed_at IS NULL AND told = 0;

ALTER TABLE people ADD COLUMN away INTEGER NOT NULL DEFAULT 0 CHECK (away IN (0, 1));
ALTER TABLE people ADD COLUMN away_from INTEGER;
ALTER TABLE people ADD COLUMN away_until INTEGER;
ALTER TABLE people ADD COLUMN delegate TEXT;
CREATE INDEX people_by_delegate ON people (delegate) WHERE delegate IS NOT NULL;

CREATE TABLE working_rollups (
    hour INTEGER NOT NULL,
    resource TEXT NOT NULL,
    outcome TEXT NOT NULL,
    method TEXT NOT NULL,
    bucket INTEGER NOT NULL,
    count INTEGER NOT NULL,
    total_us INTEGER NOT NULL,
    PRIMARY KEY (hour, resource, outcome, method, bucket)
) STRICT, WITHOUT ROWID;

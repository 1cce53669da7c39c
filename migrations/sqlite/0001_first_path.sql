-- Times are microseconds since the epoch. Names of the columns and constraints are the same in both dialects.

CREATE TABLE people (
    email TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE groups (
    name TEXT NOT NULL PRIMARY KEY,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE group_members (
    group_name TEXT NOT NULL REFERENCES groups (name) ON DELETE CASCADE,
    email TEXT NOT NULL,
    PRIMARY KEY (group_name, email)
) STRICT, WITHOUT ROWID;

CREATE TABLE resources (
    name TEXT NOT NULL PRIMARY KEY,
    description TEXT,
    policy TEXT NOT NULL,
    context_schema TEXT,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE requests (
    id TEXT NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL CHECK (revision >= 1),
    kind TEXT NOT NULL CHECK (kind IN ('action')),
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
    status TEXT NOT NULL CHECK (status IN ('pending', 'approved', 'rejected', 'expired', 'cancelled')),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL CHECK (expires_at > created_at),
    decided_at INTEGER,
    decision TEXT,
    terms TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    CONSTRAINT decided_iff_final CHECK ((status = 'pending') = (decided_at IS NULL)),
    CONSTRAINT decision_iff_final CHECK ((status = 'pending') = (decision IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX requests_pending ON requests (expires_at) WHERE status = 'pending';
CREATE INDEX requests_by_resource ON requests (resource, id);
CREATE INDEX requests_by_requester ON requests (requester_email, id);
CREATE INDEX requests_by_asker ON requests (asked_by, id);
CREATE INDEX requests_by_status ON requests (status, id);
CREATE INDEX requests_by_end ON requests (decided_at, id) WHERE decided_at IS NOT NULL;

CREATE TABLE votes (
    id TEXT NOT NULL PRIMARY KEY,
    request_id TEXT NOT NULL REFERENCES requests (id),
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
    CONSTRAINT link_whole CHECK ((link_delivery IS NULL) = (link_group IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX votes_by_request ON votes (request_id, id);
CREATE UNIQUE INDEX one_live_vote_per_person ON votes (request_id, revision, person) WHERE voided = 0;
CREATE UNIQUE INDEX one_live_vote_per_link ON votes (request_id, revision, link_delivery, link_group)
    WHERE voided = 0 AND link_delivery IS NOT NULL;

CREATE TABLE endpoints (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    channel TEXT NOT NULL CHECK (channel IN ('teams', 'custom')),
    url TEXT NOT NULL,
    secret TEXT,
    events TEXT NOT NULL,
    resources TEXT NOT NULL,
    groups TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'disabled', 'deleted')),
    disabled_reason TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CONSTRAINT signed_iff_custom CHECK ((channel = 'custom') = (secret IS NOT NULL)),
    CONSTRAINT reason_iff_disabled CHECK ((state = 'disabled') = (disabled_reason IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX endpoint_names ON endpoints (name) WHERE state <> 'deleted';

CREATE TABLE events (
    id TEXT NOT NULL PRIMARY KEY,
    type TEXT NOT NULL,
    request_id TEXT REFERENCES requests (id),
    at INTEGER NOT NULL,
    request TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX events_by_request ON events (request_id, id);

CREATE TABLE deliveries (
    id TEXT NOT NULL PRIMARY KEY,
    event_id TEXT NOT NULL REFERENCES events (id),
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

CREATE UNIQUE INDEX one_delivery_per_event_and_endpoint ON deliveries (event_id, endpoint_id);
CREATE INDEX deliveries_due ON deliveries (endpoint_id, next_attempt_at) WHERE state = 'pending';
CREATE INDEX deliveries_next ON deliveries (next_attempt_at) WHERE state = 'pending';
CREATE INDEX deliveries_leased ON deliveries (lease_until) WHERE state = 'leased';
CREATE INDEX deliveries_by_endpoint ON deliveries (endpoint_id, id);
CREATE INDEX deliveries_by_request ON deliveries (request_id, id);

CREATE TABLE attempts (
    delivery_id TEXT NOT NULL REFERENCES deliveries (id),
    number INTEGER NOT NULL CHECK (number >= 1),
    started_at INTEGER NOT NULL,
    duration_us INTEGER NOT NULL CHECK (duration_us >= 0),
    class TEXT NOT NULL,
    status INTEGER,
    error TEXT,
    answer TEXT,
    PRIMARY KEY (delivery_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency_keys (
    principal TEXT NOT NULL,
    operation TEXT NOT NULL,
    key TEXT NOT NULL,
    body_digest TEXT NOT NULL,
    subject TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (principal, operation, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    secret_digest TEXT NOT NULL UNIQUE,
    scope TEXT NOT NULL CHECK (scope IN ('admin', 'requester', 'approver', 'decider', 'analyst', 'auditor')),
    person TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    CONSTRAINT approver_is_person CHECK (scope <> 'approver' OR person IS NOT NULL)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_entries (
    seq INTEGER NOT NULL PRIMARY KEY CHECK (seq >= 1),
    at INTEGER NOT NULL,
    action TEXT NOT NULL,
    request_id TEXT,
    entry TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;

CREATE INDEX audit_by_request ON audit_entries (request_id, seq);

CREATE TABLE outcome_rollups (
    hour INTEGER NOT NULL,
    resource TEXT NOT NULL,
    outcome TEXT NOT NULL,
    method TEXT NOT NULL,
    count INTEGER NOT NULL,
    total_us INTEGER NOT NULL,
    PRIMARY KEY (hour, resource, outcome, method)
) STRICT, WITHOUT ROWID;

CREATE TABLE latency_rollups (
    hour INTEGER NOT NULL,
    resource TEXT NOT NULL,
    outcome TEXT NOT NULL,
    method TEXT NOT NULL,
    bucket INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (hour, resource, outcome, method, bucket)
) STRICT, WITHOUT ROWID;

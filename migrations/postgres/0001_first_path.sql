-- Times are microseconds since the epoch. Names of the columns and constraints are the same in both dialects.

CREATE TABLE people (
    email TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE groups (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    updated_at BIGINT NOT NULL
);

CREATE TABLE group_members (
    group_name TEXT COLLATE "C" NOT NULL REFERENCES groups (name) ON DELETE CASCADE,
    email TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (group_name, email)
);

CREATE TABLE resources (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    description TEXT COLLATE "C",
    policy TEXT COLLATE "C" NOT NULL,
    context_schema TEXT COLLATE "C",
    updated_at BIGINT NOT NULL
);

CREATE TABLE requests (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    revision BIGINT NOT NULL CHECK (revision >= 1),
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('action')),
    resource TEXT COLLATE "C" NOT NULL,
    command TEXT COLLATE "C" NOT NULL,
    language TEXT COLLATE "C",
    context TEXT COLLATE "C",
    duration_seconds BIGINT,
    digest TEXT COLLATE "C" NOT NULL,
    requester_email TEXT COLLATE "C",
    requester_name TEXT COLLATE "C",
    requester_groups TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C",
    labels TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL CHECK (status IN ('pending', 'approved', 'rejected', 'expired', 'cancelled')),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL CHECK (expires_at > created_at),
    decided_at BIGINT,
    decision TEXT COLLATE "C",
    terms TEXT COLLATE "C" NOT NULL,
    asked_by TEXT COLLATE "C" NOT NULL,
    CONSTRAINT decided_iff_final CHECK ((status = 'pending') = (decided_at IS NULL)),
    CONSTRAINT decision_iff_final CHECK ((status = 'pending') = (decision IS NULL))
);

CREATE INDEX requests_pending ON requests (expires_at) WHERE status = 'pending';
CREATE INDEX requests_by_resource ON requests (resource, id);
CREATE INDEX requests_by_requester ON requests (requester_email, id);
CREATE INDEX requests_by_asker ON requests (asked_by, id);
CREATE INDEX requests_by_status ON requests (status, id);
CREATE INDEX requests_by_end ON requests (decided_at, id) WHERE decided_at IS NOT NULL;

CREATE TABLE votes (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    request_id TEXT COLLATE "C" NOT NULL REFERENCES requests (id),
    revision BIGINT NOT NULL,
    person TEXT COLLATE "C" NOT NULL,
    choice TEXT COLLATE "C" NOT NULL CHECK (choice IN ('approve', 'reject')),
    groups TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C",
    assurance TEXT COLLATE "C" NOT NULL,
    channel TEXT COLLATE "C" NOT NULL,
    link_delivery TEXT COLLATE "C",
    link_group TEXT COLLATE "C",
    digest TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    voided BIGINT NOT NULL CHECK (voided IN (0, 1)),
    CONSTRAINT link_whole CHECK ((link_delivery IS NULL) = (link_group IS NULL))
);

CREATE INDEX votes_by_request ON votes (request_id, id);
CREATE UNIQUE INDEX one_live_vote_per_person ON votes (request_id, revision, person) WHERE voided = 0;
CREATE UNIQUE INDEX one_live_vote_per_link ON votes (request_id, revision, link_delivery, link_group)
    WHERE voided = 0 AND link_delivery IS NOT NULL;

CREATE TABLE endpoints (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    channel TEXT COLLATE "C" NOT NULL CHECK (channel IN ('teams', 'custom')),
    url TEXT COLLATE "C" NOT NULL,
    secret TEXT COLLATE "C",
    events TEXT COLLATE "C" NOT NULL,
    resources TEXT COLLATE "C" NOT NULL,
    groups TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('active', 'disabled', 'deleted')),
    disabled_reason TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT signed_iff_custom CHECK ((channel = 'custom') = (secret IS NOT NULL)),
    CONSTRAINT reason_iff_disabled CHECK ((state = 'disabled') = (disabled_reason IS NOT NULL))
);

CREATE UNIQUE INDEX endpoint_names ON endpoints (name) WHERE state <> 'deleted';

CREATE TABLE events (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    type TEXT COLLATE "C" NOT NULL,
    request_id TEXT COLLATE "C" REFERENCES requests (id),
    at BIGINT NOT NULL,
    request TEXT COLLATE "C" NOT NULL
);

CREATE INDEX events_by_request ON events (request_id, id);

CREATE TABLE deliveries (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    event_id TEXT COLLATE "C" NOT NULL REFERENCES events (id),
    endpoint_id TEXT COLLATE "C" NOT NULL REFERENCES endpoints (id),
    request_id TEXT COLLATE "C",
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('pending', 'leased', 'delivered', 'accepted', 'failed', 'expired', 'superseded', 'discarded')),
    attempts BIGINT NOT NULL CHECK (attempts >= 0),
    lost BIGINT NOT NULL CHECK (lost >= 0 AND lost <= attempts),
    next_attempt_at BIGINT,
    fence BIGINT NOT NULL,
    leased_at BIGINT,
    lease_until BIGINT,
    created_at BIGINT NOT NULL,
    ended_at BIGINT,
    end_reason TEXT COLLATE "C",
    CONSTRAINT due_iff_pending CHECK ((state = 'pending') = (next_attempt_at IS NOT NULL)),
    CONSTRAINT lease_iff_leased CHECK ((state = 'leased') = (lease_until IS NOT NULL)),
    CONSTRAINT lease_whole CHECK ((leased_at IS NULL) = (lease_until IS NULL)),
    CONSTRAINT ended_iff_final CHECK ((state IN ('pending', 'leased')) = (ended_at IS NULL))
);

CREATE UNIQUE INDEX one_delivery_per_event_and_endpoint ON deliveries (event_id, endpoint_id);
CREATE INDEX deliveries_due ON deliveries (endpoint_id, next_attempt_at) WHERE state = 'pending';
CREATE INDEX deliveries_next ON deliveries (next_attempt_at) WHERE state = 'pending';
CREATE INDEX deliveries_leased ON deliveries (lease_until) WHERE state = 'leased';
CREATE INDEX deliveries_by_endpoint ON deliveries (endpoint_id, id);
CREATE INDEX deliveries_by_request ON deliveries (request_id, id);

CREATE TABLE attempts (
    delivery_id TEXT COLLATE "C" NOT NULL REFERENCES deliveries (id),
    number BIGINT NOT NULL CHECK (number >= 1),
    started_at BIGINT NOT NULL,
    duration_us BIGINT NOT NULL CHECK (duration_us >= 0),
    class TEXT COLLATE "C" NOT NULL,
    status BIGINT,
    error TEXT COLLATE "C",
    answer TEXT COLLATE "C",
    PRIMARY KEY (delivery_id, number)
);

CREATE TABLE idempotency_keys (
    principal TEXT COLLATE "C" NOT NULL,
    operation TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    body_digest TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (principal, operation, key)
);

CREATE TABLE tokens (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    secret_digest TEXT COLLATE "C" NOT NULL UNIQUE,
    scope TEXT COLLATE "C" NOT NULL CHECK (scope IN ('admin', 'requester', 'approver', 'decider', 'analyst', 'auditor')),
    person TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    CONSTRAINT approver_is_person CHECK (scope <> 'approver' OR person IS NOT NULL)
);

CREATE TABLE audit_entries (
    seq BIGINT NOT NULL PRIMARY KEY CHECK (seq >= 1),
    at BIGINT NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    request_id TEXT COLLATE "C",
    entry TEXT COLLATE "C" NOT NULL,
    hash TEXT COLLATE "C" NOT NULL
);

CREATE INDEX audit_by_request ON audit_entries (request_id, seq);

CREATE TABLE outcome_rollups (
    hour BIGINT NOT NULL,
    resource TEXT COLLATE "C" NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL,
    method TEXT COLLATE "C" NOT NULL,
    count BIGINT NOT NULL,
    total_us BIGINT NOT NULL,
    PRIMARY KEY (hour, resource, outcome, method)
);

CREATE TABLE latency_rollups (
    hour BIGINT NOT NULL,
    resource TEXT COLLATE "C" NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL,
    method TEXT COLLATE "C" NOT NULL,
    bucket BIGINT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (hour, resource, outcome, method, bucket)
);

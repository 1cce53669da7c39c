-- The approval engine: more kinds and ends of requests, changed commands, use, access, absences, reminders.

ALTER TABLE requests DROP CONSTRAINT requests_kind_check, DROP CONSTRAINT requests_status_check;
ALTER TABLE requests
    ADD CONSTRAINT requests_kind_check CHECK (kind IN ('action', 'jit')),
    ADD CONSTRAINT requests_status_check
        CHECK (status IN ('pending', 'approved', 'rejected', 'expired', 'cancelled', 'superseded')),
    ADD COLUMN acting_for TEXT COLLATE "C",
    ADD COLUMN beneficiary TEXT COLLATE "C",
    ADD COLUMN change TEXT COLLATE "C",
    ADD COLUMN supersedes TEXT COLLATE "C",
    ADD COLUMN superseded_by TEXT COLLATE "C",
    ADD COLUMN undecidable BIGINT NOT NULL DEFAULT 0 CHECK (undecidable IN (0, 1)),
    ADD COLUMN reminders BIGINT NOT NULL DEFAULT 0 CHECK (reminders >= 0),
    ADD COLUMN escalations BIGINT NOT NULL DEFAULT 0 CHECK (escalations >= 0),
    ADD COLUMN notice_at BIGINT,
    ADD CONSTRAINT duration_iff_jit CHECK ((kind = 'jit') = (duration_seconds IS NOT NULL)),
    ADD CONSTRAINT changed_iff_revised CHECK ((revision > 1) = (change IS NOT NULL)),
    ADD CONSTRAINT notice_while_pending CHECK (notice_at IS NULL OR status = 'pending'),
    ADD CONSTRAINT undecidable_while_pending CHECK (undecidable = 0 OR status = 'pending'),
    ADD CONSTRAINT superseded_has_successor CHECK (status <> 'superseded' OR superseded_by IS NOT NULL);

ALTER TABLE votes
    ADD COLUMN on_behalf_of TEXT COLLATE "C",
    ADD COLUMN seat TEXT COLLATE "C",
    ADD COLUMN narrowing TEXT COLLATE "C";
UPDATE votes SET seat = person;
ALTER TABLE votes
    ALTER COLUMN seat SET NOT NULL,
    ADD CONSTRAINT seat_is_whose_right CHECK (seat = COALESCE(on_behalf_of, person));

DROP INDEX requests_pending;
CREATE INDEX requests_pending ON requests (status, expires_at) WHERE status = 'pending';
CREATE INDEX requests_by_kind ON requests (kind, id);
CREATE INDEX requests_notice ON requests (notice_at) WHERE notice_at IS NOT NULL;
CREATE UNIQUE INDEX one_live_vote_per_seat ON votes (request_id, revision, seat) WHERE voided = 0;
CREATE INDEX votes_by_person ON votes (person, request_id);

CREATE TABLE revisions (
    request_id TEXT COLLATE "C" NOT NULL REFERENCES requests (id),
    revision BIGINT NOT NULL CHECK (revision >= 1),
    command TEXT COLLATE "C" NOT NULL,
    language TEXT COLLATE "C",
    context TEXT COLLATE "C",
    duration_seconds BIGINT,
    digest TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (request_id, revision)
);

CREATE TABLE request_groups (
    group_name TEXT COLLATE "C" NOT NULL,
    request_id TEXT COLLATE "C" NOT NULL REFERENCES requests (id),
    open BIGINT NOT NULL CHECK (open IN (0, 1)),
    PRIMARY KEY (group_name, request_id)
);

INSERT INTO request_groups (group_name, request_id, open)
SELECT slot ->> 'group', r.id, CASE r.status WHEN 'pending' THEN 1 ELSE 0 END
FROM requests r, jsonb_array_elements(r.terms::jsonb -> 'slots') slot;

CREATE INDEX request_groups_open ON request_groups (group_name, request_id) WHERE open = 1;
CREATE INDEX request_groups_by_request ON request_groups (request_id);

CREATE TABLE membership_checks (
    group_name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    after TEXT COLLATE "C" NOT NULL,
    asked_at BIGINT NOT NULL
);

CREATE INDEX group_members_by_email ON group_members (email, group_name);

CREATE TABLE executions (
    request_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES requests (id),
    status TEXT COLLATE "C" NOT NULL CHECK (status IN ('ready', 'claimed', 'succeeded', 'failed', 'unknown', 'lapsed', 'revoked')),
    digest TEXT COLLATE "C" NOT NULL,
    use_by BIGINT NOT NULL,
    fence BIGINT NOT NULL CHECK (fence IN (0, 1)),
    lease_seconds BIGINT NOT NULL,
    lease_expires_at BIGINT,
    claimed_at BIGINT,
    claimed_by TEXT COLLATE "C",
    claim_key TEXT COLLATE "C",
    finished_at BIGINT,
    exit_code BIGINT,
    output TEXT COLLATE "C",
    output_truncated BIGINT NOT NULL CHECK (output_truncated IN (0, 1)),
    output_digest TEXT COLLATE "C",
    reason TEXT COLLATE "C",
    revoked_by TEXT COLLATE "C",
    due_at BIGINT,
    CONSTRAINT claimed_once CHECK ((status IN ('ready', 'lapsed', 'revoked')) = (claimed_at IS NULL)),
    CONSTRAINT fenced_iff_claimed CHECK ((fence = 0) = (claimed_at IS NULL)),
    CONSTRAINT due_iff_open CHECK ((status IN ('ready', 'claimed')) = (due_at IS NOT NULL))
);

CREATE INDEX executions_due ON executions (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE grants (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    request_id TEXT COLLATE "C" NOT NULL UNIQUE REFERENCES requests (id),
    resource TEXT COLLATE "C" NOT NULL,
    requester TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL CHECK (status IN ('scheduled', 'active', 'ended', 'revoked')),
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL CHECK (ends_at > starts_at),
    ended_at BIGINT,
    ended_by TEXT COLLATE "C",
    reason TEXT COLLATE "C",
    due_at BIGINT,
    CONSTRAINT grant_ended_iff_final CHECK ((status IN ('ended', 'revoked')) = (ended_at IS NOT NULL)),
    CONSTRAINT grant_due_iff_open CHECK ((status IN ('scheduled', 'active')) = (due_at IS NOT NULL))
);

CREATE INDEX grants_open ON grants (resource, requester, ends_at) WHERE due_at IS NOT NULL;
CREATE INDEX grants_due ON grants (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX grants_by_requester ON grants (requester, id);
CREATE INDEX grants_by_resource ON grants (resource, id);
CREATE INDEX grants_by_status ON grants (status, id);

CREATE TABLE reviews (
    request_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES requests (id),
    person TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    told BIGINT NOT NULL CHECK (told IN (0, 1)),
    reviewed_at BIGINT,
    reviewed_by TEXT COLLATE "C",
    justified BIGINT CHECK (justified IN (0, 1)),
    note TEXT COLLATE "C",
    CONSTRAINT reviewed_whole CHECK ((reviewed_at IS NULL) = (justified IS NULL))
);

CREATE INDEX reviews_by_person ON reviews (person, at);
CREATE INDEX reviews_due ON reviews (due_at) WHERE reviewed_at IS NULL AND told = 0;

ALTER TABLE people ADD COLUMN away BIGINT NOT NULL DEFAULT 0 CHECK (away IN (0, 1));
ALTER TABLE people ADD COLUMN away_from BIGINT;
ALTER TABLE people ADD COLUMN away_until BIGINT;
ALTER TABLE people ADD COLUMN delegate TEXT COLLATE "C";
CREATE INDEX people_by_delegate ON people (delegate) WHERE delegate IS NOT NULL;

CREATE TABLE working_rollups (
    hour BIGINT NOT NULL,
    resource TEXT COLLATE "C" NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL,
    method TEXT COLLATE "C" NOT NULL,
    bucket BIGINT NOT NULL,
    count BIGINT NOT NULL,
    total_us BIGINT NOT NULL,
    PRIMARY KEY (hour, resource, outcome, method, bucket)
);

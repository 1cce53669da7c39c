-- Slack as an app: where within a target a delivery goes, messages that are kept up to date, what people do there, and who they are.

-- Within the target: a channel or a member of a workspace. Empty for where the endpoint itself points to.
ALTER TABLE deliveries ADD COLUMN address TEXT NOT NULL DEFAULT '';
DROP INDEX one_delivery_per_event_and_endpoint;
CREATE UNIQUE INDEX one_delivery_per_event_and_address ON deliveries (event_id, endpoint_id, address);

-- The message that shows a request somewhere. Its version is the event that it shows; one delivery at a time may change it.
CREATE TABLE chat_messages (
    endpoint_id TEXT NOT NULL REFERENCES endpoints (id),
    request_id TEXT NOT NULL REFERENCES requests (id),
    address TEXT NOT NULL,
    channel TEXT,
    ts TEXT,
    version TEXT NOT NULL,
    holder TEXT,
    held_until INTEGER,
    PRIMARY KEY (endpoint_id, request_id, address),
    CONSTRAINT posted_whole CHECK ((channel IS NULL) = (ts IS NULL)),
    CONSTRAINT held_whole CHECK ((holder IS NULL) = (held_until IS NULL))
) STRICT, WITHOUT ROWID;

-- What somebody did in Slack. Named by the digest of its signature, so that the same thing comes once.
CREATE TABLE slack_jobs (
    id TEXT NOT NULL PRIMARY KEY,
    endpoint_id TEXT NOT NULL REFERENCES endpoints (id),
    work TEXT NOT NULL,
    reply TEXT,
    attempts INTEGER NOT NULL CHECK (attempts >= 0),
    run_at INTEGER,
    created_at INTEGER NOT NULL,
    ended_at INTEGER,
    end_reason TEXT,
    CONSTRAINT job_due_iff_open CHECK ((run_at IS NULL) = (ended_at IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX slack_jobs_due ON slack_jobs (run_at) WHERE run_at IS NOT NULL;
CREATE INDEX slack_jobs_ended ON slack_jobs (ended_at) WHERE ended_at IS NOT NULL;

-- Whose a chat's account is. One account is one person.
CREATE TABLE chat_identities (
    provider TEXT NOT NULL CHECK (provider IN ('slack')),
    team TEXT NOT NULL,
    member TEXT NOT NULL,
    person TEXT NOT NULL,
    bound_at INTEGER NOT NULL,
    PRIMARY KEY (provider, team, member)
) STRICT, WITHOUT ROWID;

CREATE INDEX chat_identities_by_person ON chat_identities (person);

-- What a person confirms to say that an account is theirs. An account has one at a time.
CREATE TABLE chat_link_codes (
    code_digest TEXT NOT NULL PRIMARY KEY,
    provider TEXT NOT NULL,
    team TEXT NOT NULL,
    member TEXT NOT NULL,
    member_name TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX one_link_code_per_account ON chat_link_codes (provider, team, member);

-- Channels that hear of a group's requests besides the endpoint's own.
CREATE TABLE slack_subscriptions (
    endpoint_id TEXT NOT NULL REFERENCES endpoints (id),
    channel TEXT NOT NULL,
    group_name TEXT NOT NULL,
    person TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (endpoint_id, channel, group_name)
) STRICT, WITHOUT ROWID;

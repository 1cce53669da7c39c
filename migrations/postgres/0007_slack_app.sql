-- Slack as an app: where within a target a delivery goes, messages that are kept up to date, what people do there, and who they are.

-- Within the target: a channel or a member of a workspace. Empty for where the endpoint itself points to.
ALTER TABLE deliveries ADD COLUMN address TEXT COLLATE "C" NOT NULL DEFAULT '';
DROP INDEX one_delivery_per_event_and_endpoint;
CREATE UNIQUE INDEX one_delivery_per_event_and_address ON deliveries (event_id, endpoint_id, address);

-- The message that shows a request somewhere. Its version is the event that it shows; one delivery at a time may change it.
CREATE TABLE chat_messages (
    endpoint_id TEXT COLLATE "C" NOT NULL REFERENCES endpoints (id),
    request_id TEXT COLLATE "C" NOT NULL REFERENCES requests (id),
    address TEXT COLLATE "C" NOT NULL,
    channel TEXT COLLATE "C",
    ts TEXT COLLATE "C",
    version TEXT COLLATE "C" NOT NULL,
    holder TEXT COLLATE "C",
    held_until BIGINT,
    PRIMARY KEY (endpoint_id, request_id, address),
    CONSTRAINT posted_whole CHECK ((channel IS NULL) = (ts IS NULL)),
    CONSTRAINT held_whole CHECK ((holder IS NULL) = (held_until IS NULL))
);

-- What somebody did in Slack. Named by the digest of its signature, so that the same thing comes once.
CREATE TABLE slack_jobs (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    endpoint_id TEXT COLLATE "C" NOT NULL REFERENCES endpoints (id),
    work TEXT COLLATE "C" NOT NULL,
    reply TEXT COLLATE "C",
    attempts BIGINT NOT NULL CHECK (attempts >= 0),
    run_at BIGINT,
    created_at BIGINT NOT NULL,
    ended_at BIGINT,
    end_reason TEXT COLLATE "C",
    CONSTRAINT job_due_iff_open CHECK ((run_at IS NULL) = (ended_at IS NOT NULL))
);

CREATE INDEX slack_jobs_due ON slack_jobs (run_at) WHERE run_at IS NOT NULL;
CREATE INDEX slack_jobs_ended ON slack_jobs (ended_at) WHERE ended_at IS NOT NULL;

-- Whose a chat's account is. One account is one person.
CREATE TABLE chat_identities (
    provider TEXT COLLATE "C" NOT NULL CHECK (provider IN ('slack')),
    team TEXT COLLATE "C" NOT NULL,
    member TEXT COLLATE "C" NOT NULL,
    person TEXT COLLATE "C" NOT NULL,
    bound_at BIGINT NOT NULL,
    PRIMARY KEY (provider, team, member)
);

CREATE INDEX chat_identities_by_person ON chat_identities (person);

-- What a person confirms to say that an account is theirs. An account has one at a time.
CREATE TABLE chat_link_codes (
    code_digest TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    provider TEXT COLLATE "C" NOT NULL,
    team TEXT COLLATE "C" NOT NULL,
    member TEXT COLLATE "C" NOT NULL,
    member_name TEXT COLLATE "C" NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE UNIQUE INDEX one_link_code_per_account ON chat_link_codes (provider, team, member);

-- Channels that hear of a group's requests besides the endpoint's own.
CREATE TABLE slack_subscriptions (
    endpoint_id TEXT COLLATE "C" NOT NULL REFERENCES endpoints (id),
    channel TEXT COLLATE "C" NOT NULL,
    group_name TEXT COLLATE "C" NOT NULL,
    person TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (endpoint_id, channel, group_name)
);

-- Workloads that exchange tokens of their platform for tokens of the hub (RFC 8693). Each has one token, with a secret for each
-- exchange, so that what a workload asked for stays its own.
CREATE TABLE workloads (
    -- Of the trusted issuer's name, the issuer and the subject.
    digest TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    token_id TEXT COLLATE "C" NOT NULL UNIQUE REFERENCES tokens (id) ON DELETE CASCADE
);

-- Tokens of platforms that were exchanged: each works once.
CREATE TABLE exchanged_tokens (
    digest TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- Until when the platform's token is valid.
    expires_at BIGINT NOT NULL
);

CREATE INDEX exchanged_tokens_by_expiry ON exchanged_tokens (expires_at);

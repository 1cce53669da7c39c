-- Workloads that exchange tokens of their platform for tokens of the hub (RFC 8693). Each has one token, with a secret for each
-- exchange, so that what a workload asked for stays its own.
CREATE TABLE workloads (
    -- Of the trusted issuer's name, the issuer and the subject.
    digest TEXT NOT NULL PRIMARY KEY,
    token_id TEXT NOT NULL UNIQUE REFERENCES tokens (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Tokens of platforms that were exchanged: each works once.
CREATE TABLE exchanged_tokens (
    digest TEXT NOT NULL PRIMARY KEY,
    -- Until when the platform's token is valid.
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX exchanged_tokens_by_expiry ON exchanged_tokens (expires_at);

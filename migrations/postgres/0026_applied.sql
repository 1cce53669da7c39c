-- What manifests name: the next apply puts it back, so pages say so before somebody changes it by hand.
CREATE TABLE applied (
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('group', 'person', 'resource', 'endpoint')),
    name TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    PRIMARY KEY (kind, name)
);

-- Tokens by their end, to warn of those that expire soon.
CREATE INDEX tokens_expiring ON tokens (expires_at) WHERE expires_at IS NOT NULL;

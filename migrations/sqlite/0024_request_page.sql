-- Requests that differ only in their literals have one pattern. Older requests have none.
ALTER TABLE requests ADD COLUMN pattern_digest TEXT;
-- When a person last reminded those who are still missing.
ALTER TABLE requests ADD COLUMN reminded_at INTEGER;

CREATE INDEX requests_by_pattern ON requests (resource, pattern_digest, created_at) WHERE pattern_digest IS NOT NULL;

-- What people say about a request without deciding it.
CREATE TABLE comments (
    id TEXT NOT NULL PRIMARY KEY,
    request_id TEXT NOT NULL REFERENCES requests (id),
    -- The person, or the name of the token of a system.
    person TEXT,
    token TEXT,
    text TEXT NOT NULL,
    at INTEGER NOT NULL,
    CONSTRAINT one_author CHECK ((person IS NULL) <> (token IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX comments_by_request ON comments (request_id, id);

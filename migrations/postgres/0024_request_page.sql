-- Requests that differ only in their literals have one pattern. Older requests have none.
ALTER TABLE requests ADD COLUMN pattern_digest TEXT COLLATE "C";
-- When a person last reminded those who are still missing.
ALTER TABLE requests ADD COLUMN reminded_at BIGINT;

CREATE INDEX requests_by_pattern ON requests (resource, pattern_digest, created_at) WHERE pattern_digest IS NOT NULL;

-- What people say about a request without deciding it.
CREATE TABLE comments (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    request_id TEXT COLLATE "C" NOT NULL REFERENCES requests (id),
    -- The person, or the name of the token of a system.
    person TEXT COLLATE "C",
    token TEXT COLLATE "C",
    text TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    CONSTRAINT one_author CHECK ((person IS NULL) <> (token IS NULL))
);

CREATE INDEX comments_by_request ON comments (request_id, id);

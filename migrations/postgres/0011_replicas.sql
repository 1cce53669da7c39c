-- The hubs that run on this database, and fingerprints of what each signs links with.
CREATE TABLE replicas (
    id TEXT PRIMARY KEY,
    keys TEXT NOT NULL,
    seen_at BIGINT NOT NULL
);

-- Programs that wait for a person to confirm their code (RFC 8628).
CREATE TABLE device_authorizations (
    device_digest TEXT NOT NULL PRIMARY KEY,
    user_digest TEXT NOT NULL UNIQUE,
    -- How the program and its machine call themselves.
    client TEXT NOT NULL,
    name TEXT NOT NULL,
    -- Where the call came from, and what is counted as one client: the address, or its network.
    address TEXT NOT NULL,
    origin TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'consumed')),
    -- The session of the person who confirmed it. It may have ended since.
    session_id TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    CONSTRAINT session_once_approved CHECK (state IN ('pending', 'denied') = (session_id IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX device_authorizations_by_expiry ON device_authorizations (expires_at);
CREATE INDEX device_authorizations_by_origin ON device_authorizations (origin, expires_at);

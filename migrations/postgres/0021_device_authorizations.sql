-- Programs that wait for a person to confirm their code (RFC 8628).
CREATE TABLE device_authorizations (
    device_digest TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_digest TEXT COLLATE "C" NOT NULL UNIQUE,
    -- How the program and its machine call themselves.
    client TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    -- Where the call came from, and what is counted as one client: the address, or its network.
    address TEXT COLLATE "C" NOT NULL,
    origin TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'consumed')),
    -- The session of the person who confirmed it. It may have ended since.
    session_id TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    CONSTRAINT session_once_approved CHECK (state IN ('pending', 'denied') = (session_id IS NULL))
);

CREATE INDEX device_authorizations_by_expiry ON device_authorizations (expires_at);
CREATE INDEX device_authorizations_by_origin ON device_authorizations (origin, expires_at);

-- People who are signed in, how they may sign in without an identity provider, and what their role is.

-- A JSON array of scopes.
ALTER TABLE people ADD COLUMN roles TEXT COLLATE "C" NOT NULL DEFAULT '[]';

CREATE TABLE sessions (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    secret_digest TEXT COLLATE "C" NOT NULL UNIQUE,
    person TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('browser', 'device')),
    method TEXT COLLATE "C" NOT NULL CHECK (method IN ('sso', 'link', 'token')),
    -- The token with which the person signed in.
    token_id TEXT COLLATE "C" REFERENCES tokens (id) ON DELETE CASCADE,
    signed_in_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    -- To five minutes.
    last_used_at BIGINT NOT NULL,
    address TEXT COLLATE "C",
    device TEXT COLLATE "C",
    -- The identity provider's session (OpenID Connect).
    issuer TEXT COLLATE "C",
    subject TEXT COLLATE "C",
    sid TEXT COLLATE "C",
    CONSTRAINT token_iff_by_token CHECK ((method = 'token') = (token_id IS NOT NULL)),
    CONSTRAINT issuer_iff_sso CHECK ((method = 'sso') = (issuer IS NOT NULL)),
    CONSTRAINT subject_of_issuer CHECK ((issuer IS NULL) = (subject IS NULL))
);

CREATE INDEX sessions_by_person ON sessions (person, id);
CREATE INDEX sessions_by_token ON sessions (token_id) WHERE token_id IS NOT NULL;
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
CREATE INDEX sessions_by_subject ON sessions (issuer, subject) WHERE issuer IS NOT NULL;
CREATE INDEX sessions_by_sid ON sessions (issuer, sid) WHERE sid IS NOT NULL;

CREATE TABLE sign_in_links (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    secret_digest TEXT COLLATE "C" NOT NULL UNIQUE,
    -- None: whoever opens it first says who they are. Only the first start makes such a link.
    person TEXT COLLATE "C",
    -- Whether it makes the person an admin.
    admin BIGINT NOT NULL CHECK (admin IN (0, 1)),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);

CREATE INDEX sign_in_links_by_expiry ON sign_in_links (expires_at);

-- What people typed into the page of a link before they had to sign in.
CREATE TABLE drafts (
    secret_digest TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- Of the link's token.
    link_digest TEXT COLLATE "C" NOT NULL,
    -- JSON.
    body TEXT COLLATE "C" NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX drafts_by_expiry ON drafts (expires_at);

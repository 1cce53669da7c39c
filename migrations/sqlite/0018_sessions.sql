-- People who are signed in, how they may sign in without an identity provider, and what their role is.

-- A JSON array of scopes.
ALTER TABLE people ADD COLUMN roles TEXT NOT NULL DEFAULT '[]';

CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    secret_digest TEXT NOT NULL UNIQUE,
    person TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('browser', 'device')),
    method TEXT NOT NULL CHECK (method IN ('sso', 'link', 'token')),
    -- The token with which the person signed in.
    token_id TEXT REFERENCES tokens (id) ON DELETE CASCADE,
    signed_in_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    -- To five minutes.
    last_used_at INTEGER NOT NULL,
    address TEXT,
    device TEXT,
    -- The identity provider's session (OpenID Connect).
    issuer TEXT,
    subject TEXT,
    sid TEXT,
    CONSTRAINT token_iff_by_token CHECK ((method = 'token') = (token_id IS NOT NULL)),
    CONSTRAINT issuer_iff_sso CHECK ((method = 'sso') = (issuer IS NOT NULL)),
    CONSTRAINT subject_of_issuer CHECK ((issuer IS NULL) = (subject IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_person ON sessions (person, id);
CREATE INDEX sessions_by_token ON sessions (token_id) WHERE token_id IS NOT NULL;
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
CREATE INDEX sessions_by_subject ON sessions (issuer, subject) WHERE issuer IS NOT NULL;
CREATE INDEX sessions_by_sid ON sessions (issuer, sid) WHERE sid IS NOT NULL;

CREATE TABLE sign_in_links (
    id TEXT NOT NULL PRIMARY KEY,
    secret_digest TEXT NOT NULL UNIQUE,
    -- None: whoever opens it first says who they are. Only the first start makes such a link.
    person TEXT,
    -- Whether it makes the person an admin.
    admin INTEGER NOT NULL CHECK (admin IN (0, 1)),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX sign_in_links_by_expiry ON sign_in_links (expires_at);

-- What people typed into the page of a link before they had to sign in.
CREATE TABLE drafts (
    secret_digest TEXT NOT NULL PRIMARY KEY,
    -- Of the link's token.
    link_digest TEXT NOT NULL,
    -- JSON.
    body TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX drafts_by_expiry ON drafts (expires_at);

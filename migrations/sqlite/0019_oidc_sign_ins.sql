-- Sign-ins that are under way at the OpenID provider. Nonce and PKCE verifier are derived from the browser's cookie, so they
-- are stored nowhere.
CREATE TABLE oidc_sign_ins (
    -- Of the state, which comes back from the provider.
    state_digest TEXT NOT NULL PRIMARY KEY,
    -- Of the cookie of the browser in which it began.
    browser_digest TEXT NOT NULL,
    -- The page to go back to.
    return_path TEXT NOT NULL,
    -- Whether the provider was told to ask even those whom it knows.
    again INTEGER NOT NULL CHECK (again IN (0, 1)),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX oidc_sign_ins_by_expiry ON oidc_sign_ins (expires_at);

-- Logout tokens that were carried out, until they expire: each works once.
CREATE TABLE oidc_logouts (
    -- Of issuer and token id.
    token_digest TEXT NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX oidc_logouts_by_expiry ON oidc_logouts (expires_at);

-- What a directory has said of people and groups (SCIM, RFC 7643), and the scope of its token.
-- SQLite changes no constraint in place, so the tokens are rebuilt. Dropping a table deletes its rows first, and with
-- them those that refer to it ON DELETE CASCADE; so the retired secrets are put aside too.
PRAGMA defer_foreign_keys = ON;

CREATE TEMPORARY TABLE old_tokens AS SELECT * FROM tokens;
CREATE TEMPORARY TABLE old_retired_token_secrets AS SELECT * FROM retired_token_secrets;
DROP TABLE retired_token_secrets;
DROP TABLE tokens;

CREATE TABLE tokens (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    secret_digest TEXT NOT NULL UNIQUE,
    scope TEXT NOT NULL
        CHECK (scope IN ('admin', 'requester', 'approver', 'decider', 'analyst', 'auditor', 'scim')),
    person TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    -- A JSON array of names; empty for no limit.
    resources TEXT NOT NULL DEFAULT '[]',
    agent INTEGER NOT NULL DEFAULT 0 CHECK (agent IN (0, 1)),
    -- To the hour.
    last_used_at INTEGER,
    CONSTRAINT approver_is_person CHECK (scope <> 'approver' OR person IS NOT NULL)
) STRICT, WITHOUT ROWID;

INSERT INTO tokens (id, name, secret_digest, scope, person, created_at, expires_at, resources, agent, last_used_at)
SELECT id, name, secret_digest, scope, person, created_at, expires_at, resources, agent, last_used_at FROM old_tokens;

CREATE TABLE retired_token_secrets (
    digest TEXT NOT NULL PRIMARY KEY,
    token_id TEXT NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
    valid_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO retired_token_secrets (digest, token_id, valid_until)
SELECT digest, token_id, valid_until FROM old_retired_token_secrets;

CREATE INDEX retired_token_secrets_by_token ON retired_token_secrets (token_id, valid_until);

DROP TABLE old_retired_token_secrets;
DROP TABLE old_tokens;

CREATE TABLE scim_users (
    id TEXT NOT NULL PRIMARY KEY,
    -- The name in lower case: it has no case.
    user_key TEXT NOT NULL UNIQUE,
    external_id TEXT,
    display_key TEXT,
    -- The person.
    email TEXT NOT NULL UNIQUE,
    active INTEGER NOT NULL CHECK (active IN (0, 1)),
    -- JSON, as the directory wrote it, as far as it is kept.
    attributes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX scim_users_by_external_id ON scim_users (external_id) WHERE external_id IS NOT NULL;

CREATE TABLE scim_groups (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE REFERENCES groups (name),
    -- The name in lower case: two that differ in case only would be one for the directory.
    name_key TEXT NOT NULL UNIQUE,
    external_id TEXT,
    display_name TEXT NOT NULL,
    -- In lower case.
    display_key TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX scim_groups_by_display ON scim_groups (display_key);
CREATE INDEX scim_groups_by_external_id ON scim_groups (external_id) WHERE external_id IS NOT NULL;

-- Whom the directory counts to a group. Those of them who are active are its members.
CREATE TABLE scim_members (
    group_id TEXT NOT NULL REFERENCES scim_groups (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES scim_users (id) ON DELETE CASCADE,
    PRIMARY KEY (group_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX scim_members_by_user ON scim_members (user_id, group_id);

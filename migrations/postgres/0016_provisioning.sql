-- What a directory has said of people and groups (SCIM, RFC 7643), and the scope of its token.
ALTER TABLE tokens
    DROP CONSTRAINT tokens_scope_check,
    ADD CONSTRAINT tokens_scope_check
        CHECK (scope IN ('admin', 'requester', 'approver', 'decider', 'analyst', 'auditor', 'scim'));

CREATE TABLE scim_users (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- The name in lower case: it has no case.
    user_key TEXT COLLATE "C" NOT NULL UNIQUE,
    external_id TEXT COLLATE "C",
    display_key TEXT COLLATE "C",
    -- The person.
    email TEXT COLLATE "C" NOT NULL UNIQUE,
    active BIGINT NOT NULL CHECK (active IN (0, 1)),
    -- JSON, as the directory wrote it, as far as it is kept.
    attributes TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE INDEX scim_users_by_external_id ON scim_users (external_id) WHERE external_id IS NOT NULL;

CREATE TABLE scim_groups (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE REFERENCES groups (name),
    -- The name in lower case: two that differ in case only would be one for the directory.
    name_key TEXT COLLATE "C" NOT NULL UNIQUE,
    external_id TEXT COLLATE "C",
    display_name TEXT COLLATE "C" NOT NULL,
    -- In lower case.
    display_key TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE INDEX scim_groups_by_display ON scim_groups (display_key);
CREATE INDEX scim_groups_by_external_id ON scim_groups (external_id) WHERE external_id IS NOT NULL;

-- Whom the directory counts to a group. Those of them who are active are its members.
CREATE TABLE scim_members (
    group_id TEXT COLLATE "C" NOT NULL REFERENCES scim_groups (id) ON DELETE CASCADE,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES scim_users (id) ON DELETE CASCADE,
    PRIMARY KEY (group_id, user_id)
);

CREATE INDEX scim_members_by_user ON scim_members (user_id, group_id);

-- Operators' templates, and what goes wrong with them.

-- Every version there was. The text of one that was taken away is null. The scope is empty for all endpoints of the channel, or
-- 'endpoint:' and its id, or 'resource:' and its name.
CREATE TABLE templates (
    id TEXT NOT NULL PRIMARY KEY,
    channel TEXT NOT NULL,
    name TEXT NOT NULL,
    scope TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 1),
    is_current INTEGER NOT NULL CHECK (is_current IN (0, 1)),
    body TEXT,
    author TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX one_version_of_a_template ON templates (channel, name, scope, version);
CREATE UNIQUE INDEX one_current_version ON templates (channel, name, scope) WHERE is_current = 1;
CREATE INDEX templates_by_scope ON templates (scope);

-- The last failure of a template, for each endpoint and event that it failed for.
CREATE TABLE template_problems (
    endpoint_id TEXT NOT NULL REFERENCES endpoints (id),
    event TEXT NOT NULL,
    template TEXT,
    line INTEGER,
    detail TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (endpoint_id, event)
) STRICT, WITHOUT ROWID;

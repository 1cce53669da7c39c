-- What a token is limited to, who holds it, and when it was used last.

-- A JSON array of names; empty for no limit.
ALTER TABLE tokens ADD COLUMN resources TEXT NOT NULL DEFAULT '[]';
ALTER TABLE tokens ADD COLUMN agent BIGINT NOT NULL DEFAULT 0 CHECK (agent IN (0, 1));
-- To the hour.
ALTER TABLE tokens ADD COLUMN last_used_at BIGINT;

-- Earlier secrets of a token, each valid for a while beside the one in its row.
CREATE TABLE retired_token_secrets (
    digest TEXT NOT NULL PRIMARY KEY,
    token_id TEXT NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
    valid_until BIGINT NOT NULL
);

CREATE INDEX retired_token_secrets_by_token ON retired_token_secrets (token_id, valid_until);

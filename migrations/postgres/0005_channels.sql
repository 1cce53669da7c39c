-- More channels, other envelopes, heartbeats.
ALTER TABLE endpoints
    DROP CONSTRAINT endpoints_channel_check,
    ADD CONSTRAINT endpoints_channel_check CHECK (channel IN ('teams', 'slack', 'slack_app', 'discord', 'google_chat', 'custom')),
    ADD COLUMN format TEXT COLLATE "C" NOT NULL DEFAULT 'standard' CHECK (format IN ('standard', 'cloudevents')),
    ADD COLUMN heartbeat_seconds BIGINT CHECK (heartbeat_seconds BETWEEN 3600 AND 604800),
    ADD CONSTRAINT formatted_only_custom CHECK (format = 'standard' OR channel = 'custom');

-- Apart from the endpoints, since it changes without anybody's asking. Holds nothing but what is still to come.
CREATE TABLE endpoint_heartbeats (
    endpoint_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES endpoints (id),
    due_at BIGINT NOT NULL
);

CREATE INDEX endpoint_heartbeats_due ON endpoint_heartbeats (due_at);

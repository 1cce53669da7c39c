-- More channels.
ALTER TABLE endpoints
    DROP CONSTRAINT endpoints_channel_check,
    ADD CONSTRAINT endpoints_channel_check CHECK (channel IN ('teams', 'slack', 'slack_app', 'discord', 'google_chat', 'custom'));

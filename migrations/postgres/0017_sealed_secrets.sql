-- Secrets at rest: which key seals them. None: they are stored in clear, as earlier versions do.
ALTER TABLE configuration ADD COLUMN secrets_key TEXT;

-- The ids of the keys with which a replica opens secrets. None: it is of an earlier version.
ALTER TABLE replicas ADD COLUMN secrets_keys TEXT;

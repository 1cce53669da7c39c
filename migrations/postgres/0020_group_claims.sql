-- Members by group claims: the values of the identity provider that make people members of a group.
CREATE TABLE group_claims (
    group_name TEXT COLLATE "C" NOT NULL REFERENCES groups (name) ON DELETE CASCADE,
    value TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (group_name, value)
);

CREATE INDEX group_claims_by_value ON group_claims (value);

-- The values that each person had at the last sign-in, of those that a group named then.
CREATE TABLE claim_values (
    person TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    signed_in_at BIGINT NOT NULL,
    PRIMARY KEY (person, value)
);

CREATE INDEX claim_values_by_value ON claim_values (value, person);
CREATE INDEX claim_values_by_time ON claim_values (signed_in_at, person);

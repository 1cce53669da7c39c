-- How often the links of an endpoint were called back. Links name their generation, and only those of the present one are good.
ALTER TABLE endpoints ADD COLUMN link_generation BIGINT NOT NULL DEFAULT 0 CHECK (link_generation >= 0);

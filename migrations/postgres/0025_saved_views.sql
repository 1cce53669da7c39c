-- Lists of requests that people have named: the filters as a query string.
CREATE TABLE saved_views (
    person TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    query TEXT COLLATE "C" NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (person, name)
);

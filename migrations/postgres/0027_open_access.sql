-- The access that people have now, for the page that shows it.
CREATE INDEX grants_open_by_requester ON grants (requester, id) WHERE due_at IS NOT NULL;

-- The fencing token that a claimant was given: a random number, so that nobody else can report in its place. Claims of earlier
-- versions have none, and were given their count (`fence`) instead.
ALTER TABLE executions ADD COLUMN claim_fence INTEGER CHECK (claim_fence > 0);

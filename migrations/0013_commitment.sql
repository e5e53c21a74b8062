-- A storage commitment request that was refused or did not get through is repeated; one that is never answered is told once.
ALTER TABLE delivery ADD COLUMN commitment_due_at   timestamptz;                    -- null: nothing to ask now
ALTER TABLE delivery ADD COLUMN commitment_attempts integer NOT NULL DEFAULT 0;
ALTER TABLE delivery ADD COLUMN commitment_asked_at timestamptz;                    -- accepted; null once answered or given up
CREATE INDEX delivery_commitment_due ON delivery (commitment_due_at) WHERE commitment_due_at IS NOT NULL;
CREATE INDEX delivery_commitment_asked ON delivery (commitment_asked_at) WHERE commitment_asked_at IS NOT NULL;

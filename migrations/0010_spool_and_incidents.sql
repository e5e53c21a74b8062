-- Which spool this database belongs to: the content of its file `identity`. One row at most.
CREATE TABLE spool (
  only_one   boolean PRIMARY KEY DEFAULT true CHECK (only_one),
  identity   text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- Incidents that are alike and come within a while are one row.
ALTER TABLE incident
  ADD COLUMN count    integer NOT NULL DEFAULT 1,
  ADD COLUMN last_at  timestamptz,                     -- of the last of them; `at` is that of the first
  ADD COLUMN address  text,                            -- of the peer
  ADD COLUMN fold_key text UNIQUE;                     -- what makes them alike, and the while
UPDATE incident SET last_at = at;
ALTER TABLE incident ALTER COLUMN last_at SET NOT NULL, ALTER COLUMN last_at SET DEFAULT now();
CREATE INDEX incident_last_at ON incident (last_at);
CREATE TRIGGER incident_repeated AFTER UPDATE OF count ON incident FOR EACH ROW EXECUTE FUNCTION notify_incident();

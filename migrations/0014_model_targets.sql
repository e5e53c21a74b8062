-- What a model looks for, where its bundle says so. Without a row: the six classes of intracranial hemorrhage.
CREATE TABLE model_target (
  model_sha256 text PRIMARY KEY,
  target       jsonb NOT NULL
);

-- Readers judge what the result has, whatever a model looks for.
ALTER TABLE feedback DROP CONSTRAINT feedback_finding_check;

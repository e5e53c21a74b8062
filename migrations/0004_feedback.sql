-- What readers say of each finding. Rows are only ever added; the latest of a reader and finding counts.

CREATE TABLE feedback (
  feedback_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at                 timestamptz NOT NULL DEFAULT now(),
  study_instance_uid text NOT NULL REFERENCES study,
  result_id          bigint NOT NULL REFERENCES result,
  finding            text NOT NULL CHECK (finding IN ('any', 'epidural', 'intraparenchymal', 'intraventricular', 'subarachnoid', 'subdural')),
  verdict            text NOT NULL CHECK (verdict IN ('agree', 'disagree', 'unsure')),
  comment            text NOT NULL DEFAULT '' CHECK (length(comment) <= 2000),
  reader             text NOT NULL,                    -- who signs in with this name
  reader_name        text NOT NULL                     -- as shown to others
);
CREATE INDEX feedback_latest ON feedback (result_id, finding, reader, feedback_id DESC);
CREATE INDEX feedback_study ON feedback (study_instance_uid, feedback_id);

CREATE FUNCTION refuse_feedback_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'feedback is append-only'; END $$;
CREATE TRIGGER feedback_rows_stay BEFORE UPDATE OR DELETE ON feedback FOR EACH ROW EXECUTE FUNCTION refuse_feedback_change();

CREATE FUNCTION notify_feedback() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_notify('ichor_changes', 'study ' || NEW.study_instance_uid); RETURN NULL; END $$;
CREATE TRIGGER feedback_inserted AFTER INSERT ON feedback FOR EACH ROW EXECUTE FUNCTION notify_feedback();

-- A page of the figures, and a search by time.
CREATE INDEX result_created ON result (created_at);
CREATE INDEX study_first ON study (first_instance_at);

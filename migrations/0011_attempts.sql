-- Attempts at an analysis are counted before each begins: a worker that is killed by a study does not forget them.
ALTER TABLE study
  ADD COLUMN attempted_request integer NOT NULL DEFAULT 0,   -- the request that the two counts belong to
  ADD COLUMN attempts          integer NOT NULL DEFAULT 0,   -- analyses begun; those that a fault of the ground ended do not count
  ADD COLUMN faults            integer NOT NULL DEFAULT 0;   -- of those, ended by a fault of the analysis itself

-- Report and heat maps are written once their result is committed, and delivered once they are written.
ALTER TABLE result
  ADD COLUMN objects           text NOT NULL DEFAULT 'written' CHECK (objects IN ('due', 'written', 'failed')),
  ADD COLUMN objects_attempts  integer NOT NULL DEFAULT 0,
  ADD COLUMN objects_due_at    timestamptz NOT NULL DEFAULT now(), -- not before; a worker that writes them sets it ahead
  ADD COLUMN objects_error     text,
  ADD COLUMN input_until       timestamptz,                  -- instances that came later had no part in it
  ADD COLUMN former_result_id  bigint REFERENCES result;     -- what the study showed before
CREATE INDEX result_objects_due ON result (objects_due_at) WHERE objects = 'due';

CREATE FUNCTION notify_objects_changed() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_notify('ichor_changes', 'study ' || NEW.study_instance_uid); RETURN NULL; END $$;
CREATE TRIGGER result_objects_changed AFTER UPDATE OF objects, objects_error ON result FOR EACH ROW
  WHEN ((OLD.objects, OLD.objects_error) IS DISTINCT FROM (NEW.objects, NEW.objects_error))
  EXECUTE FUNCTION notify_objects_changed();

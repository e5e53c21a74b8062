-- The order of the worklist, and a notice to its pages whenever something visible changes.

-- Positive studies first, then those that need a person's eye because no analysis stands behind them, then those still
-- under way, and last the ones without a finding.
CREATE FUNCTION worklist_rank(state text) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT CASE state WHEN 'flagged' THEN 0 WHEN 'not-analysed' THEN 1 WHEN 'failed' THEN 1 WHEN 'clear' THEN 3 ELSE 2 END $$;
CREATE INDEX study_worklist ON study (worklist_rank(state), priority, first_instance_at, study_instance_uid);

-- Channel ichor_changes, payload "study <StudyInstanceUID>" or "incident <incident_id>": identifiers only.
CREATE FUNCTION notify_study_changed() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_notify('ichor_changes', 'study ' || NEW.study_instance_uid); RETURN NULL; END $$;
CREATE TRIGGER study_inserted AFTER INSERT ON study FOR EACH ROW EXECUTE FUNCTION notify_study_changed();
CREATE TRIGGER study_updated AFTER UPDATE ON study FOR EACH ROW
  WHEN ((OLD.state, OLD.reason, OLD.error_code, OLD.revision, OLD.result_id, OLD.priority, OLD.accession_number,
         OLD.last_instance_at, OLD.completed_at, OLD.resulted_at, OLD.delivered_at)
    IS DISTINCT FROM
        (NEW.state, NEW.reason, NEW.error_code, NEW.revision, NEW.result_id, NEW.priority, NEW.accession_number,
         NEW.last_instance_at, NEW.completed_at, NEW.resulted_at, NEW.delivered_at))
  EXECUTE FUNCTION notify_study_changed();

CREATE FUNCTION notify_delivery_changed() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
  PERFORM pg_notify('ichor_changes', 'study ' || study_instance_uid) FROM result WHERE result_id = NEW.result_id;
  RETURN NULL;
END $$;
CREATE TRIGGER delivery_changed AFTER INSERT OR UPDATE OF state, attempts, error ON delivery FOR EACH ROW
  EXECUTE FUNCTION notify_delivery_changed();

CREATE FUNCTION notify_incident() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_notify('ichor_changes', 'incident ' || NEW.incident_id); RETURN NULL; END $$;
CREATE TRIGGER incident_inserted AFTER INSERT ON incident FOR EACH ROW EXECUTE FUNCTION notify_incident();

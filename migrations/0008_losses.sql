-- What is known not to have come. A study that something is known to be missing of is never shown as clear (docs/adr/0015).

-- Instances that were refused or broken off and may be CT slices, until they come. The study may have no row of its own.
CREATE TABLE lost_instance (
  study_instance_uid  text NOT NULL,
  sop_instance_uid    text NOT NULL,                    -- as the dataset says, else as the C-STORE request does
  command_uid         text NOT NULL,                    -- as the C-STORE request says
  series_instance_uid text,
  -- Whether the dataset told the study; otherwise every study of its association misses the instance.
  study_known         boolean NOT NULL,
  -- Whether it can come again by its name; otherwise a later transfer to the study that ends with a release stands for it.
  has_name            boolean NOT NULL,
  code                text NOT NULL,
  calling_ae_title    text NOT NULL,
  lost_at             timestamptz NOT NULL,
  PRIMARY KEY (study_instance_uid, sop_instance_uid, command_uid)
);
CREATE INDEX lost_instance_sop ON lost_instance (sop_instance_uid);
CREATE INDEX lost_instance_command ON lost_instance (command_uid);

-- An association that sends CT slices to a series. A row stays when it ended without a release, or without a word.
CREATE TABLE transfer (
  transfer_id         text NOT NULL,                    -- names the association among all receivers
  series_instance_uid text NOT NULL,
  study_instance_uid  text NOT NULL,
  opened_at           timestamptz NOT NULL,
  seen_at             timestamptz NOT NULL,             -- last sign of life while it was open
  ended_at            timestamptz,                      -- without a release; null while it is open
  PRIMARY KEY (transfer_id, series_instance_uid)
);
CREATE INDEX transfer_study ON transfer (study_instance_uid);
CREATE INDEX transfer_series ON transfer (series_instance_uid);
CREATE INDEX transfer_open ON transfer (seen_at) WHERE ended_at IS NULL;

-- When the latest of the associations began that sent to a series and ended with a release: it stands for what broke off before.
CREATE TABLE released_series (
  series_instance_uid text PRIMARY KEY,
  opened_at           timestamptz NOT NULL
);

-- Transfers that broke off and were not made good. An open one that was not seen for two seconds is dead, as one that was seen in
-- the future is (the clock went back).
CREATE VIEW broken_transfer AS
SELECT t.* FROM transfer t LEFT JOIN released_series r USING (series_instance_uid)
 WHERE (t.ended_at IS NOT NULL OR t.seen_at NOT BETWEEN now() - interval '2 seconds' AND now() + interval '2 seconds')
   AND (r.opened_at IS NULL OR coalesce(t.ended_at, t.seen_at) > r.opened_at);

-- {missingInstances, brokenOffSeries} of a study, null when nothing is known to be missing.
CREATE FUNCTION incompleteness(study text) RETURNS jsonb LANGUAGE sql STABLE AS
$$ SELECT CASE WHEN missing > 0 OR broken > 0 THEN jsonb_build_object('missingInstances', missing, 'brokenOffSeries', broken) END
     FROM (SELECT (SELECT count(*) FROM lost_instance WHERE study_instance_uid = study) AS missing,
                  (SELECT count(DISTINCT series_instance_uid) FROM broken_transfer WHERE study_instance_uid = study) AS broken) AS known $$;

ALTER TABLE study
  -- Complete but for what is missing: open without a quiet period, until that comes or the maximum age is reached.
  ADD COLUMN waiting    boolean NOT NULL DEFAULT false,
  -- Whether the last completion came with the maximum age: then what is missing is waited for no longer.
  ADD COLUMN at_max_age boolean NOT NULL DEFAULT false;

-- What was known to be missing when the result was decided; null: nothing.
ALTER TABLE result ADD COLUMN incomplete jsonb;

CREATE FUNCTION notify_loss() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_notify('ichor_changes', 'study ' || coalesce(NEW.study_instance_uid, OLD.study_instance_uid)); RETURN NULL; END $$;
CREATE TRIGGER lost_instance_changed AFTER INSERT OR DELETE ON lost_instance FOR EACH ROW EXECUTE FUNCTION notify_loss();
CREATE TRIGGER transfer_broken_off AFTER INSERT OR UPDATE ON transfer FOR EACH ROW
  WHEN (NEW.ended_at IS NOT NULL) EXECUTE FUNCTION notify_loss();

-- What other systems must be told of each result: HL7 v2 messages, webhooks, e-mail. One row per result and destination,
-- written in the transaction of the result.

CREATE TABLE notification (
  notification_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind               text NOT NULL CHECK (kind IN ('hl7', 'webhook', 'mail')),
  destination        text NOT NULL,
  study_instance_uid text NOT NULL REFERENCES study,
  result_id          bigint NOT NULL REFERENCES result,
  revision           integer NOT NULL,
  urgent             boolean NOT NULL,                   -- a positive study: goes first
  -- MSH-10, Ichor-Event-Id, Message-ID: the same on every attempt, so that a receiver can drop what it has already.
  control_id         text NOT NULL UNIQUE DEFAULT 'I' || upper(substr(md5(gen_random_uuid()::text), 1, 19)),
  state              text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'dead')),
  attempts           integer NOT NULL DEFAULT 0,
  error              text,
  created_at         timestamptz NOT NULL DEFAULT now(),
  pending_since      timestamptz NOT NULL DEFAULT now(), -- start of the current time to live; renewed by a re-send
  next_attempt_at    timestamptz NOT NULL DEFAULT now(),
  claimed_until      timestamptz NOT NULL DEFAULT '-infinity', -- a worker is sending it
  delivered_at       timestamptz
);
CREATE INDEX notification_pending ON notification (kind, destination, study_instance_uid, notification_id) WHERE state = 'pending';
CREATE INDEX notification_study ON notification (study_instance_uid, kind, destination, notification_id);
CREATE INDEX notification_state ON notification (state, notification_id DESC);

-- One lane per destination: while it cannot be reached, none of its rows is tried.
CREATE TABLE notification_lane (
  kind         text NOT NULL,
  destination  text NOT NULL,
  faults       integer NOT NULL DEFAULT 0,               -- since the last success
  paused_until timestamptz NOT NULL DEFAULT '-infinity',
  PRIMARY KEY (kind, destination)
);

CREATE FUNCTION notify_notification_changed() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_notify('ichor_changes', 'study ' || NEW.study_instance_uid); RETURN NULL; END $$;
CREATE TRIGGER notification_changed AFTER INSERT OR UPDATE OF state, error ON notification FOR EACH ROW
  EXECUTE FUNCTION notify_notification_changed();

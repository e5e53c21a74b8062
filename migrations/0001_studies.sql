-- Studies, what arrived, what was found, and what must be delivered. Times are the database's clock only.

CREATE TABLE study (
  study_instance_uid     text PRIMARY KEY,
  accession_number       text,
  patient_id             text,
  patient_name           text,
  study_date             text,
  study_description      text,
  -- What people see; a result state stands until the next revision replaces it.
  state                  text NOT NULL DEFAULT 'receiving'
    CHECK (state IN ('receiving', 'queued', 'analysing', 'flagged', 'clear', 'not-analysed', 'failed')),
  -- Whether instances may still come: open → complete (a job is due) → open again with a late instance.
  completion             text NOT NULL DEFAULT 'open' CHECK (completion IN ('open', 'complete')),
  request                integer NOT NULL DEFAULT 0,   -- completions so far; names the triage job
  analysed_request       integer NOT NULL DEFAULT 0,   -- last completion with a result
  priority               integer NOT NULL DEFAULT 3,
  reason                 jsonb,
  error_code             text,
  revision               integer NOT NULL DEFAULT 0,
  result_id              bigint,
  first_instance_at      timestamptz NOT NULL DEFAULT now(),
  last_instance_at       timestamptz NOT NULL DEFAULT now(),
  open_since             timestamptz NOT NULL DEFAULT now(),  -- start of this round of arrivals, for the maximum age
  association_open_until timestamptz NOT NULL DEFAULT '-infinity',
  completed_at           timestamptz,
  analysing_at           timestamptz,
  resulted_at            timestamptz,
  delivered_at           timestamptz
);
CREATE INDEX study_open ON study (last_instance_at) WHERE completion = 'open';
CREATE INDEX study_due ON study (completed_at) WHERE completion = 'complete' AND analysed_request < request;
CREATE INDEX study_list ON study (state, priority, last_instance_at DESC);

CREATE TABLE series (
  series_instance_uid text PRIMARY KEY,
  study_instance_uid  text NOT NULL REFERENCES study,
  modality            text,
  description         text,
  first_instance_at   timestamptz NOT NULL DEFAULT now(),
  last_instance_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX series_study ON series (study_instance_uid);

-- One row per stored file: the same SOP Instance UID with other content is a second row (conflicting-instances).
CREATE TABLE instance (
  spool_path          text PRIMARY KEY,               -- relative to the spool
  sop_instance_uid    text NOT NULL,
  series_instance_uid text NOT NULL REFERENCES series,
  study_instance_uid  text NOT NULL REFERENCES study,
  sop_class_uid       text NOT NULL,
  transfer_syntax_uid text NOT NULL,
  size_bytes          bigint NOT NULL,
  calling_ae_title    text,
  received_at         timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX instance_study ON instance (study_instance_uid);
CREATE INDEX instance_sop ON instance (sop_instance_uid);

-- One row per analysis outcome. The key makes a repeated job harmless (DESIGN §1, rule 3).
CREATE TABLE result (
  result_id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  study_instance_uid text NOT NULL REFERENCES study,
  revision           integer NOT NULL,
  input_digest       text NOT NULL,
  model_name         text NOT NULL,
  model_version      text NOT NULL,
  model_sha256       text NOT NULL,
  state              text NOT NULL CHECK (state IN ('flagged', 'clear', 'not-analysed', 'failed')),
  reason             jsonb,
  error_code         text,
  findings           jsonb,
  key_slices         jsonb NOT NULL DEFAULT '[]',
  slice_scores       jsonb NOT NULL DEFAULT '[]',
  series             jsonb NOT NULL DEFAULT '[]',
  created_at         timestamptz NOT NULL DEFAULT now(),
  UNIQUE (study_instance_uid, input_digest, model_sha256),
  UNIQUE (study_instance_uid, revision)
);
ALTER TABLE study ADD FOREIGN KEY (result_id) REFERENCES result;

-- CNN output per slice, so that a late slice or a second run costs only what is new.
CREATE TABLE slice_feature (
  sop_instance_uid text NOT NULL,
  frame_number     integer NOT NULL DEFAULT 1,
  pixel_digest     text NOT NULL,                      -- SHA-256 of the int16 Hounsfield units (hex)
  model_sha256     text NOT NULL,
  features         bytea NOT NULL,                     -- float32, little endian
  logits           bytea NOT NULL,
  created_at       timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (sop_instance_uid, frame_number, pixel_digest, model_sha256)
);

-- What Ichor made and must bring to each destination.
CREATE TABLE derived_object (
  sop_instance_uid text PRIMARY KEY,
  result_id        bigint NOT NULL REFERENCES result,
  kind             text NOT NULL CHECK (kind IN ('SR', 'SC')),
  series_instance_uid text NOT NULL,
  sop_class_uid    text NOT NULL,
  object_path      text NOT NULL                       -- relative to the folder of derived objects
);
CREATE INDEX derived_object_result ON derived_object (result_id);

CREATE TABLE delivery (
  delivery_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  result_id        bigint NOT NULL REFERENCES result,
  sop_instance_uid text NOT NULL REFERENCES derived_object,
  destination      text NOT NULL,
  state            text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'stored', 'committed', 'dead')),
  attempts         integer NOT NULL DEFAULT 0,
  error            text,
  transaction_uid  text,                               -- storage commitment in progress
  created_at       timestamptz NOT NULL DEFAULT now(),
  pending_since    timestamptz NOT NULL DEFAULT now(), -- start of the current time to live; renewed by a re-send
  next_attempt_at  timestamptz NOT NULL DEFAULT now(),
  stored_at        timestamptz,
  committed_at     timestamptz,
  UNIQUE (sop_instance_uid, destination)
);
CREATE INDEX delivery_due ON delivery (next_attempt_at) WHERE state = 'pending';
CREATE INDEX delivery_result ON delivery (result_id);
CREATE INDEX delivery_transaction ON delivery (transaction_uid) WHERE transaction_uid IS NOT NULL;

-- What an operator must be able to find: refused or odd input, dead deliveries, killed inference.
CREATE TABLE incident (
  incident_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at                  timestamptz NOT NULL DEFAULT now(),
  code                text NOT NULL,
  message             text NOT NULL,
  study_instance_uid  text,
  series_instance_uid text,
  sop_instance_uid    text,
  calling_ae_title    text
);
CREATE INDEX incident_at ON incident (at DESC);
CREATE INDEX incident_study ON incident (study_instance_uid);

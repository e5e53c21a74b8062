-- Who may sign in, who is signed in, machines' tokens, and the audit trail. Secrets are kept as hashes only.

CREATE TABLE account (
  account_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name            text NOT NULL,                       -- lower case; with an @ when it comes from single sign-on
  display_name    text NOT NULL,
  role            text NOT NULL CHECK (role IN ('viewer', 'radiologist', 'administrator')),
  password_hash   text,                                -- PHC string, argon2id; null: single sign-on only
  issuer          text,                                -- OpenID Connect: issuer and subject name the person
  subject         text,
  created_at      timestamptz NOT NULL DEFAULT now(),
  disabled_at     timestamptz,
  last_sign_in_at timestamptz,
  UNIQUE (issuer, subject),
  CHECK ((issuer IS NULL) = (subject IS NULL)),
  CHECK ((issuer IS NULL) = (password_hash IS NOT NULL))
);
CREATE UNIQUE INDEX account_local_name ON account (name) WHERE issuer IS NULL;

CREATE TABLE session (
  session_hash bytea PRIMARY KEY,                      -- SHA-256 of the cookie's value
  account_id   bigint NOT NULL REFERENCES account ON DELETE CASCADE,
  created_at   timestamptz NOT NULL DEFAULT now(),
  last_used_at timestamptz NOT NULL DEFAULT now(),
  id_token     text                                    -- of the provider, for signing out there too
);
CREATE INDEX session_account ON session (account_id);

-- A single sign-on under way: from the redirect to the provider until the browser comes back.
CREATE TABLE oidc_request (
  state_hash    bytea PRIMARY KEY,
  nonce         text NOT NULL,
  code_verifier text NOT NULL,
  return_to     text NOT NULL,
  created_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_token (
  api_token_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name         text NOT NULL UNIQUE,
  token_hash   bytea NOT NULL UNIQUE,                  -- SHA-256 of the token
  role         text NOT NULL CHECK (role IN ('viewer', 'radiologist', 'administrator')),
  patient_data boolean NOT NULL DEFAULT false,
  created_at   timestamptz NOT NULL DEFAULT now(),
  expires_at   timestamptz,
  revoked_at   timestamptz,
  last_used_at timestamptz
);

-- Failed sign-ins per user, per address and per pair of both, so that limits hold over processes and restarts.
CREATE TABLE sign_in_attempt (
  key          text PRIMARY KEY,
  failures     integer NOT NULL DEFAULT 0,
  last_at      timestamptz NOT NULL DEFAULT now(),
  locked_until timestamptz NOT NULL DEFAULT '-infinity'
);

-- Who did or saw what. Rows are only ever added.
CREATE TABLE audit (
  audit_id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at                 timestamptz NOT NULL DEFAULT now(),
  actor              text NOT NULL,
  actor_kind         text NOT NULL CHECK (actor_kind IN ('person', 'token', 'demo', 'stranger', 'console', 'system')),
  role               text,
  address            text,
  act                text NOT NULL,
  succeeded          boolean NOT NULL DEFAULT true,
  study_instance_uid text,
  detail             text
);
CREATE INDEX audit_at ON audit (audit_id DESC);
CREATE INDEX audit_study ON audit (study_instance_uid, audit_id DESC) WHERE study_instance_uid IS NOT NULL;
CREATE INDEX audit_actor ON audit (actor, audit_id DESC);
CREATE INDEX audit_recent ON audit (actor, at);

CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$;
CREATE TRIGGER audit_rows_stay BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_table_stays BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

-- What the audit repository has yet to get (ICHOR_AUDIT_SYSLOG); the message is made from the audit row when it is sent.
CREATE TABLE audit_outbox (
  audit_id bigint PRIMARY KEY REFERENCES audit,
  sent_at  timestamptz
);
CREATE INDEX audit_outbox_due ON audit_outbox (audit_id) WHERE sent_at IS NULL;

/** The audit trail: who saw which study and did what. Rows are only ever added (a trigger refuses the rest). */
import type { Database } from '@ichor/store/postgres/database';

/** Every act, as people read it at `/audit`. Its DICOM audit message: {@link auditMessage}. */
export const ACTS = {
  'application-start': 'Ichor started',
  'application-stop': 'Ichor stopped',
  'sign-in': 'signed in',
  'sign-out': 'signed out',
  'list-viewed': 'saw the worklist',
  'study-viewed': 'saw the study',
  feedback: 'gave feedback',
  'feedback-exported': 'exported the feedback',
  resend: 'sent again',
  'notifications-viewed': 'saw the notifications',
  retriage: 'had it analysed again',
  'audit-viewed': 'read the audit trail',
  'user-added': 'added a user',
  'user-disabled': 'disabled a user',
  'user-enabled': 'enabled a user',
  'user-role': 'changed the role of a user',
  'password-changed': 'changed a password',
  'token-added': 'added an API token',
  'token-revoked': 'revoked an API token',
} as const;
export type Act = keyof typeof ACTS;

export type AuditEntry = {
  readonly actor: string;
  readonly actorKind: 'person' | 'token' | 'demo' | 'stranger' | 'console' | 'system';
  readonly role: string | null;
  readonly address: string | null;
  readonly act: Act;
  readonly succeeded: boolean;
  readonly studyInstanceUid: string | null;
  /** Whom or what the act was about; never patient data. */
  readonly detail: string | null;
};
export type AuditRow = AuditEntry & { readonly auditId: string; readonly at: string };

/** A page that stays open reads its study again and again: within this time that is one view. */
const SAME_VIEW = `interval '1 minute'`;

/** Writes the entry, and queues its message when a collector is configured. One statement: both or none. */
export async function writeAudit(database: Database, entry: AuditEntry, toCollector: boolean): Promise<void> {
  const repeatable =
    entry.act === 'study-viewed' || entry.act === 'list-viewed' || entry.act === 'notifications-viewed';
  await database.pool.query(
    `WITH entry AS (
       INSERT INTO audit (actor, actor_kind, role, address, act, succeeded, study_instance_uid, detail)
       SELECT $1, $2, $3, $4::text, $5, $6, $7::text, $8
        WHERE NOT ($9 AND EXISTS (
          SELECT 1 FROM audit WHERE actor = $1 AND actor_kind = $2 AND act = $5 AND at BETWEEN now() - ${SAME_VIEW} AND now() + ${SAME_VIEW}
             AND address IS NOT DISTINCT FROM $4 AND study_instance_uid IS NOT DISTINCT FROM $7))
       RETURNING audit_id)
     INSERT INTO audit_outbox (audit_id) SELECT audit_id FROM entry WHERE $10`,
    [
      entry.actor,
      entry.actorKind,
      entry.role,
      entry.address,
      entry.act,
      entry.succeeded,
      entry.studyInstanceUid,
      entry.detail,
      repeatable,
      toCollector,
    ],
  );
}

export type AuditQuery = {
  readonly studyInstanceUid: string | null;
  readonly actor: string | null;
  readonly before: number | null;
  readonly limit: number;
};

/** The newest entries first. */
export async function listAudit(database: Database, query: AuditQuery): Promise<AuditRow[]> {
  const { rows } = await database.pool.query(
    `SELECT * FROM audit
      WHERE ($1::text IS NULL OR study_instance_uid = $1) AND ($2::text IS NULL OR actor = $2)
        AND ($3::bigint IS NULL OR audit_id < $3)
      ORDER BY audit_id DESC LIMIT $4`,
    [query.studyInstanceUid, query.actor, query.before, query.limit],
  );
  return rows.map(toAuditRow);
}

// biome-ignore lint/suspicious/noExplicitAny: a row of pg
export function toAuditRow(row: any): AuditRow {
  return {
    auditId: String(row.audit_id),
    at: row.at.toISOString(),
    actor: row.actor,
    actorKind: row.actor_kind,
    role: row.role,
    address: row.address,
    act: row.act,
    succeeded: row.succeeded,
    studyInstanceUid: row.study_instance_uid,
    detail: row.detail,
  };
}

/**
 * The tables `audit` and `audit_outbox`: who saw which study and did what, and what a collector is still to be told of that.
 * Rows of `audit` are only ever added (a trigger refuses the rest).
 */
import type { Act } from '@ichor/shared/acts';
import type { Database, DatabaseClient } from '../postgres/database.ts';

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

/** An entry that the collector was not sent yet, with what its message says of the study beside the entry. */
export type DueAuditRow = AuditRow & { readonly patientId: string | null; readonly accessionNumber: string | null };

/** The oldest due entries. Their rows stay locked to the end of the transaction, so that two processes never send the same. */
export async function lockDueAudit(client: DatabaseClient, most: number): Promise<DueAuditRow[]> {
  const { rows } = await client.query(
    `SELECT a.*, s.patient_id, s.accession_number
       FROM audit_outbox o JOIN audit a USING (audit_id) LEFT JOIN study s USING (study_instance_uid)
      WHERE o.sent_at IS NULL ORDER BY o.audit_id LIMIT $1 FOR UPDATE OF o SKIP LOCKED`,
    [most],
  );
  return rows.map((row) => ({
    ...toAuditRow(row),
    patientId: row.patient_id,
    accessionNumber: row.accession_number,
  }));
}

export async function markAuditSent(client: DatabaseClient, entries: readonly AuditRow[]): Promise<void> {
  await client.query('UPDATE audit_outbox SET sent_at = now() WHERE audit_id = ANY ($1)', [
    entries.map(({ auditId }) => auditId),
  ]);
}

// biome-ignore lint/suspicious/noExplicitAny: a row of pg
function toAuditRow(row: any): AuditRow {
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

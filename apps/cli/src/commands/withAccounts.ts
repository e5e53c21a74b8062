/** What `ichor user` and `ichor token` share: the database, and the audit trail of what they change. */
import { userInfo } from 'node:os';
import { isRole, ROLES, type Role } from '@ichor/settings/signInSettings';
import type { Act } from '@ichor/shared/acts';
import { IchorError } from '@ichor/shared/errors';
import type { Database } from '@ichor/store/postgres/database';
import { openDatabase } from '@ichor/store/postgres/database';
import { writeAudit } from '@ichor/store/rows/audit';
import { createLog } from '@ichor/telemetry/log';
import { type Cli, configOf } from '../context.ts';

/** Records who changed what; the actor is the user of the operating system. */
export type Note = (act: Act, detail: string) => Promise<void>;

export async function withAccounts(cli: Cli, work: (database: Database, note: Note) => Promise<void>): Promise<void> {
  const config = configOf(cli);
  const database = await openDatabase(config, createLog({ ...config, logLevel: 'error' }, 'accounts'));
  const who = { actor: operator(), actorKind: 'console', role: null, address: null } as const;
  const note: Note = (act, detail) =>
    writeAudit(database, { ...who, act, succeeded: true, studyInstanceUid: null, detail }, config.auditSyslog !== null);
  await work(database, note).finally(() => database.close());
}

/** In a container the user may have a number only. */
function operator(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}

/** @throws IchorError INPUT_UNUSABLE */
export function checkedRole(text: string): Role {
  if (isRole(text)) return text;
  throw new IchorError('INPUT_UNUSABLE', { path: `role ${text}`, reason: `a role is one of ${ROLES.join(', ')}` });
}

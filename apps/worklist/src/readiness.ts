/** `GET /readyz`: can studies be received, analysed and delivered right now, and if not, why. */
import { asIchorError, IchorError } from '@ichor/shared/errors';

export type Part = 'database' | 'queue' | 'model' | 'disk' | 'spool';
/** `problem` is null when the part works. */
export type Readiness = {
  readonly ready: boolean;
  readonly parts: Readonly<Record<Part, { readonly ok: boolean; readonly code?: string; readonly problem?: string }>>;
};
export type Checks = Readonly<Record<Part, () => Promise<void>>>;

/** A part that does not answer within this time does not work. */
const DEADLINE_MS = 3_000;

/** Runs every check at the same time; none can fail or delay the answer. */
export async function readiness(checks: Checks): Promise<Readiness> {
  const names = Object.keys(checks) as Part[];
  const results = await Promise.all(names.map(async (name) => [name, await outcome(name, checks[name])] as const));
  return {
    ready: results.every(([, part]) => part.ok),
    parts: Object.fromEntries(results) as Readiness['parts'],
  };
}

async function outcome(name: Part, check: () => Promise<void>) {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(tooSlow(name)), DEADLINE_MS);
  });
  try {
    await Promise.race([check(), deadline]);
    return { ok: true };
  } catch (thrown) {
    const error = asIchorError(thrown);
    return { ok: false, code: error.code, problem: error.message };
  } finally {
    clearTimeout(timer);
  }
}

function tooSlow(name: Part): IchorError {
  const reason = `no answer within ${DEADLINE_MS} ms`;
  if (name === 'database') return new IchorError('DATABASE_UNAVAILABLE', { reason });
  if (name === 'queue') return new IchorError('QUEUE_UNAVAILABLE', { reason });
  return new IchorError('INTERNAL', { reason: `${name}: ${reason}` });
}

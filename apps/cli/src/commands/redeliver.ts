/** `ichor redeliver --study UID | --destination AET | --all-dead`. */

import { IchorError } from '@ichor/shared/errors';
import { redeliver } from '@ichor/store/outbox/redeliver';
import { openDatabase } from '@ichor/store/postgres/database';
import { openQueues } from '@ichor/store/queue/queues';
import { createLog } from '@ichor/telemetry/log';
import { type Cli, configOf } from '../context.ts';
import { EXIT, type ExitCode } from '../exitCodes.ts';

export type Selection = { readonly study?: string; readonly destination?: string; readonly allDead?: boolean };

/** Deliveries that were given up become due again, with a new time to live. @throws IchorError INPUT_UNUSABLE, STUDY_UNKNOWN */
export async function redeliverAgain(cli: Cli, { study, destination, allDead }: Selection): Promise<ExitCode> {
  if (study === undefined && destination === undefined && !allDead)
    throw new IchorError('INPUT_UNUSABLE', {
      path: 'ichor redeliver',
      reason: 'say which: --study UID, --destination AET or --all-dead',
    });
  const config = configOf(cli);
  const log = createLog({ ...config, logLevel: 'error' }, 'redeliver');
  const database = await openDatabase(config, log);
  const queues = await openQueues(config, database, log);
  try {
    const chosen = { studyInstanceUid: study ?? null, destination: destination ?? null };
    const count = await redeliver(database, queues, chosen);
    cli.terminal.print(`${count} ${count === 1 ? 'delivery is' : 'deliveries are'} due again.`);
    if (count === 0) cli.terminal.note('Only what was given up (dead) is sent again, and nothing was.');
    return EXIT.done;
  } finally {
    await queues.close();
    await database.close();
  }
}

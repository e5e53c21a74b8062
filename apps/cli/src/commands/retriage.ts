/** `ichor retriage UID`. */

import { requestTriage } from '@ichor/store/outbox/requestTriage';
import { openDatabase } from '@ichor/store/postgres/database';
import { TRIAGE_QUEUE, triageJobId } from '@ichor/store/queue/jobs';
import { openQueues } from '@ichor/store/queue/queues';
import { createLog } from '@ichor/telemetry/log';
import { type Cli, configOf } from '../context.ts';
import { EXIT, type ExitCode } from '../exitCodes.ts';

/** The study is due again at once; its visible result stands until the new one replaces it. */
export async function retriage(cli: Cli, studyInstanceUid: string): Promise<ExitCode> {
  const config = configOf(cli);
  const database = await openDatabase(config, createLog({ ...config, logLevel: 'error' }, 'retriage'));
  const queues = await openQueues(config, database);
  try {
    const { job, priority } = await requestTriage(database, studyInstanceUid);
    await queues.add(TRIAGE_QUEUE, job, { jobId: triageJobId(job), priority });
    cli.terminal.print(`Study ${studyInstanceUid} will be analysed again (request ${job.request}).`);
    return EXIT.done;
  } finally {
    await queues.close();
    await database.close();
  }
}

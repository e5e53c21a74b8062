/** `ichor incidents`. */

import { openDatabase } from '@ichor/store/postgres/database';
import { type IncidentView, listIncidents } from '@ichor/store/rows/incident';
import { createLog } from '@ichor/telemetry/log';
import { type Cli, configOf } from '../context.ts';
import { EXIT, type ExitCode } from '../exitCodes.ts';
import { paint } from '../terminal.ts';

/** Prints the newest incidents. */
export async function incidents(
  cli: Cli,
  options: { readonly study?: string; readonly limit: number; readonly json?: boolean },
): Promise<ExitCode> {
  const config = configOf(cli);
  const database = await openDatabase(config, createLog({ ...config, logLevel: 'error' }, 'incidents'));
  try {
    const query = { limit: options.limit, studyInstanceUid: options.study ?? null, code: null, before: null };
    const found = await listIncidents(database, query);
    for (const incident of found)
      for (const line of options.json ? [JSON.stringify(incident)] : asText(cli, incident)) cli.terminal.print(line);
    if (found.length === 0) cli.terminal.note('No incidents.');
    return EXIT.done;
  } finally {
    await database.close();
  }
}

function asText({ terminal }: Cli, incident: IncidentView): string[] {
  const where = [
    incident.studyInstanceUid && `study ${incident.studyInstanceUid}`,
    incident.seriesInstanceUid && `series ${incident.seriesInstanceUid}`,
    incident.sopInstanceUid && `instance ${incident.sopInstanceUid}`,
    incident.callingAeTitle && `from ${incident.callingAeTitle}`,
    incident.address && `at ${incident.address}`,
    incident.count > 1 && `${incident.count} times until ${incident.lastAt}`,
  ].filter(Boolean);
  const head = `${incident.at}  ${paint(terminal, 'yellow', incident.code)}  ${incident.message}`;
  return where.length === 0 ? [head] : [head, `    ${paint(terminal, 'dim', where.join(', '))}`];
}

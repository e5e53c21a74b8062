/** `ichor migrate`. */

import { countMigrations, openDatabase } from '@ichor/store/postgres/database';
import { createLog } from '@ichor/telemetry/log';
import { type Cli, configOf } from '../context.ts';
import { EXIT, type ExitCode } from '../exitCodes.ts';

/** Brings the schema up to date; opening the database does just that. */
export async function migrate(cli: Cli): Promise<ExitCode> {
  const config = configOf(cli);
  const database = await openDatabase(config, createLog({ ...config, logLevel: 'error' }, 'migrate'));
  const count = await countMigrations(database);
  await database.close();
  cli.terminal.print(`The database is up to date (${count} migrations).`);
  return EXIT.done;
}

/** The log of a demo goes to a file: the terminal is for the story. */
import { createWriteStream } from 'node:fs';
import type { Config } from '@ichor/settings/config';
import type { Log } from '@ichor/telemetry/log';
import { createLog } from '@ichor/telemetry/log';

/** @returns a maker of logs, by role, that all write to one file */
export function fileLog(config: Config, path: string): (role: string) => Log {
  const stream = createWriteStream(path, { flags: 'a' });
  return (role) => createLog(config, role, stream);
}

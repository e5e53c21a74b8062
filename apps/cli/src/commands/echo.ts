/** `ichor echo AET@host:port`. */

import { echo as cEcho } from '@ichor/dimse/requestor/echo';
import type { Destination } from '@ichor/settings/aeTitles';
import { parseDestinations } from '@ichor/settings/aeTitles';
import { IchorError, reasonOf } from '@ichor/shared/errors';
import { type Cli, configOf } from '../context.ts';
import { EXIT, type ExitCode } from '../exitCodes.ts';

/** C-ECHO, with the time that it took. */
export async function echo(cli: Cli, peer: string, calling: string | null): Promise<ExitCode> {
  const destination = peerOf(peer);
  const config = configOf(cli);
  const startedAt = performance.now();
  await cEcho(destination, { callingAeTitle: calling ?? config.aeTitle, tls: config.tls });
  const elapsedMs = Math.round(performance.now() - startedAt);
  cli.terminal.print(
    `${destination.aeTitle} answers C-ECHO at ${destination.host}:${destination.port} (${elapsedMs} ms)`,
  );
  return EXIT.done;
}

/** The one application entity named on the command line. @throws IchorError INPUT_UNUSABLE */
export function peerOf(text: string): Destination {
  const [peer, ...others] = parsed(text);
  if (peer === undefined || others.length > 0)
    throw new IchorError('INPUT_UNUSABLE', { path: text, reason: 'name exactly one AET@host:port' });
  return peer;
}

function parsed(text: string): readonly Destination[] {
  try {
    return parseDestinations(text);
  } catch (error) {
    throw new IchorError('INPUT_UNUSABLE', { path: text, reason: reasonOf(error) });
  }
}

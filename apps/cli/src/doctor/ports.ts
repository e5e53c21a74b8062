/** Is a port free, or is it Ichor itself that listens there? */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { echo } from '@ichor/dimse/requestor/echo';
import type { Config } from '@ichor/settings/config';
import { reasonOf } from '@ichor/shared/errors';
import { type Finding, fail, ok } from './finding.ts';

/** @param name variable that sets the port */
export async function checkPort(
  subject: string,
  name: 'ICHOR_DICOM_PORT' | 'ICHOR_HTTP_PORT',
  config: Config,
  isOurs: () => Promise<boolean>,
): Promise<Finding> {
  const port = name === 'ICHOR_DICOM_PORT' ? config.dicomPort : config.httpPort;
  const where = `${config.bind}:${port}`;
  const taken = await whyTaken(config.bind, port);
  if (taken === null) return ok(subject, `${where} is free`);
  if (taken === 'EADDRINUSE' && (await isOurs())) return ok(subject, `${where} is served by Ichor already`);
  if (taken === 'EADDRINUSE') return fail(subject, `${where} is taken by another program. Stop it or set ${name}.`);
  if (taken === 'EACCES')
    return fail(subject, `${where} needs privileges that this user lacks. Set ${name} above 1023.`);
  return fail(subject, `${where} cannot be bound (${taken}). Correct ICHOR_BIND or ${name}.`);
}

async function whyTaken(host: string, port: number): Promise<string | null> {
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, 'listening');
    server.close();
    await once(server, 'close');
    return null;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? reasonOf(error);
  }
}

/** Whether `/healthz` on the HTTP port answers as Ichor does. */
export async function isOurHttp(config: Config): Promise<boolean> {
  try {
    const answer = await fetch(`http://${reachable(config.bind)}:${config.httpPort}/healthz`, {
      signal: AbortSignal.timeout(3_000),
    });
    return ((await answer.json()) as { service?: string }).service === 'ichor';
  } catch {
    return false;
  }
}

/** Whether our AE title answers a C-ECHO on the DICOM port. */
export async function isOurDicom(config: Config): Promise<boolean> {
  try {
    await echo(
      { aeTitle: config.aeTitle, host: reachable(config.bind), port: config.dicomPort, tls: config.tls !== null },
      { callingAeTitle: config.callers[0]?.aeTitle ?? config.aeTitle, tls: config.tls },
    );
    return true;
  } catch {
    return false;
  }
}

const reachable = (bind: string): string => (bind === '0.0.0.0' ? '127.0.0.1' : bind === '::' ? '::1' : bind);

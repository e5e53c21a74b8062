/** The DICOM port: TCP or TLS, one {@link serveAssociation} per connection, and an orderly end. */
import { readFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import type { Config } from '@ichor/shared';
import { IchorError, listenError, reasonOf } from '@ichor/shared';
import { type AssociationContext, type RunningAssociation, serveAssociation } from './association.ts';

export type DicomPort = {
  readonly port: number;
  /** Stops listening, lets associations finish for at most `patienceMs`, then aborts what is left. */
  close(patienceMs?: number): Promise<void>;
};

const DRAIN_MS = 30_000;
/** Sockets beyond the association limit still need an answer (A-ASSOCIATE-RJ); far beyond it they get none. */
const SOCKETS_PER_ASSOCIATION = 4;

/** @throws IchorError PORT_IN_USE, ADDRESS_UNUSABLE, CONFIG_INVALID for unreadable TLS files */
export async function listenDicom(
  config: Config,
  makeContext: (openAssociations: () => number) => AssociationContext,
): Promise<DicomPort> {
  const running = new Map<Socket, RunningAssociation>();
  const context = makeContext(() => [...running.values()].filter((association) => association.isEstablished()).length);
  const onSocket = (socket: Socket): void => {
    socket.on('close', () => running.delete(socket));
    running.set(socket, serveAssociation(socket, context));
  };
  const server = await makeServer(config, onSocket);
  server.maxConnections = config.maxAssociations * SOCKETS_PER_ASSOCIATION;
  const port = await listening(server, config);
  return {
    port,
    async close(patienceMs = DRAIN_MS) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const association of running.values()) association.finish();
      const timer = setTimeout(() => {
        for (const association of running.values()) association.abort();
      }, patienceMs);
      await closed;
      clearTimeout(timer);
    },
  };
}

async function makeServer({ tls, artimMs }: Config, onSocket: (socket: Socket) => void): Promise<Server> {
  if (tls === null) return createServer(onSocket);
  const [key, cert, ca] = await Promise.all([tls.keyPath, tls.certPath, tls.caPath].map(readPem));
  const options = { key: key!, cert: cert!, minVersion: 'TLSv1.2' as const, handshakeTimeout: artimMs };
  const server = tlsServer(
    ca === null ? options : { ...options, ca: ca!, requestCert: true, rejectUnauthorized: true },
    onSocket,
  );
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  return server;
}

function tlsServer(options: TlsOptions, onSocket: (socket: Socket) => void): Server {
  try {
    return createTlsServer(options, onSocket);
  } catch (error) {
    throw new IchorError('CONFIG_INVALID', { problems: `the TLS key or certificate is unusable (${reasonOf(error)})` });
  }
}

async function readPem(path: string | null): Promise<Buffer | null> {
  if (path === null) return null;
  return readFile(path).catch((error: Error) => {
    throw new IchorError('CONFIG_INVALID', { problems: `the TLS file ${path} cannot be read (${error.message})` });
  });
}

function listening(server: Server, { dicomPort, bind }: Config): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(listenError(error, { bind, port: dicomPort, variable: 'ICHOR_DICOM_PORT' }));
    });
    server.listen(dicomPort, bind, () => resolve((server.address() as { port: number }).port));
  });
}

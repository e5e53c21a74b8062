/** The DICOM port: TCP or TLS, one {@link serveAssociation} per connection, and an orderly end. */
import { readFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import type { Config } from '@ichor/settings/config';
import { TLS_POLICY } from '@ichor/settings/tlsPolicy';
import { IchorError, reasonOf } from '@ichor/shared/errors';
import { listenError } from '@ichor/shared/listenError';
import { type RunningAssociation, serveAssociation } from './association.ts';
import type { AssociationContext } from './associationState.ts';
import { whoMustGo } from './crowding.ts';

export type DicomPort = {
  readonly port: number;
  /** Stops listening, lets associations finish for at most `patienceMs`, then aborts what is left. */
  close(patienceMs?: number): Promise<void>;
};

const DRAIN_MS = 30_000;
/** Connections without an association, of all addresses, for each association that may be open. */
const UNASSOCIATED_PER_ASSOCIATION = 3;
/** Several may come before one that must go is gone. */
const SPARE = 4;

/** @throws IchorError PORT_IN_USE, ADDRESS_UNUSABLE, CONFIG_INVALID for unreadable TLS files */
export async function listenDicom(
  config: Config,
  makeContext: (openAssociations: AssociationContext['openAssociations']) => AssociationContext,
): Promise<DicomPort> {
  const connections = makeConnections(config, makeContext);
  const server = await makeServer(config, connections);
  const total = config.maxAssociations * (1 + UNASSOCIATED_PER_ASSOCIATION);
  server.maxConnections = SPARE * total;
  const port = await listening(server, config);
  return {
    port,
    async close(patienceMs = DRAIN_MS) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      connections.finish();
      const timer = setTimeout(connections.abort, patienceMs);
      await closed;
      clearTimeout(timer);
    },
  };
}

/** A connection and, once TLS is agreed, its association. */
type Connection = {
  readonly remoteAddress: string;
  readonly port: number;
  readonly socket: Socket;
  association: RunningAssociation | null;
};
type Connections = ReturnType<typeof makeConnections>;

/** Every connection from its first moment, the oldest first. */
function makeConnections(
  { maxAssociations, maxUnassociatedPerAddress }: Config,
  makeContext: (openAssociations: AssociationContext['openAssociations']) => AssociationContext,
) {
  const all = new Set<Connection>();
  const isEstablished = ({ association }: Connection): boolean => association?.isEstablished() ?? false;
  const isOf = (one: Connection, address: string | undefined): boolean =>
    address === undefined || one.remoteAddress === address;
  const context = makeContext((address) => [...all].filter((one) => isEstablished(one) && isOf(one, address)).length);
  const limits = {
    perAddress: maxUnassociatedPerAddress,
    total: Math.max(maxUnassociatedPerAddress, maxAssociations * UNASSOCIATED_PER_ASSOCIATION),
  };
  const reportFailure = ({ remoteAddress }: Connection, reason: string): void =>
    context.events.aborted(null, reason, { remoteAddress, callingAeTitle: null });

  function makeRoom(remoteAddress: string): void {
    const unassociated = [...all].filter((one) => !isEstablished(one) && !one.socket.destroyed);
    const crowded = whoMustGo(unassociated, remoteAddress, limits);
    if (crowded === null) return;
    const reason = 'too many connections without an association, and it was the oldest';
    if (crowded.association === null) reportFailure(crowded, reason);
    else crowded.association.abort(reason);
    crowded.socket.destroy();
  }

  return {
    reportFailure,
    /** A TCP connection, before anything came. */
    opened(socket: Socket): Connection | null {
      const { remoteAddress, remotePort: port } = socket;
      if (remoteAddress === undefined || port === undefined) return socket.destroy() && null;
      makeRoom(remoteAddress);
      const connection = { remoteAddress, port, socket, association: null };
      all.add(connection);
      socket.on('close', () => all.delete(connection));
      return connection;
    },
    of: ({ remoteAddress, remotePort }: Socket): Connection | null =>
      [...all].find((one) => isOf(one, remoteAddress) && one.port === remotePort) ?? null,
    /** @param socket that of the connection, or the one that decrypts it */
    serve(connection: Connection | null, socket: Socket): void {
      if (connection === null) socket.destroy();
      else connection.association = serveAssociation(socket, context);
    },
    finish(): void {
      for (const { association, socket } of all) {
        if (association === null) socket.destroy();
        else association.finish();
      }
    },
    abort(): void {
      for (const { association } of all) association?.abort('Ichor is shutting down');
    },
  };
}

async function makeServer({ tls, artimMs }: Config, connections: Connections): Promise<Server> {
  if (tls === null) return createServer((socket) => connections.serve(connections.opened(socket), socket));
  const [key, cert, ca] = await Promise.all([tls.keyPath, tls.certPath, tls.caPath].map(readPem));
  const options = { ...TLS_POLICY, key: key!, cert: cert!, handshakeTimeout: artimMs };
  const server = tlsServer(
    ca === null ? options : { ...options, ca: ca!, requestCert: true, rejectUnauthorized: true },
    (socket) => connections.serve(connections.of(socket), socket),
  );
  server.prependListener('connection', connections.opened);
  server.on('tlsClientError', (error, socket) => {
    const connection = connections.of(socket);
    if (connection !== null) connections.reportFailure(connection, `the TLS handshake failed: ${reasonOf(error)}`);
    socket.destroy();
  });
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

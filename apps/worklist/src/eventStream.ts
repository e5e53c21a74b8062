/** Server-sent events (HTML standard, "Server-sent events"): one text per event, written to every client. */
import type { ServerResponse } from 'node:http';

/** Proxies and browsers drop a silent connection; a comment line keeps it. */
const HEARTBEAT_MS = 15_000;
/** A client that does not read is cut off; its browser reconnects and reads everything again. */
const MOST_UNREAD_BYTES = 1_048_576;

export type EventStream = {
  /** Takes over a response; the client is told to reconnect after 2 s. @param patients whether it may get patient data */
  add(response: ServerResponse, patients?: boolean): void;
  /** @param withPatients what those get who may see patients; the same as the others when left out */
  send(event: string, data: unknown, withPatients?: unknown): void;
  readonly clients: number;
  /** Ends every response, so that the server can close. */
  close(): void;
};

/** @param heartbeatMs between two comment lines */
export function openEventStream(heartbeatMs = HEARTBEAT_MS): EventStream {
  /** Each with whether it may get patient data. */
  const clients = new Map<ServerResponse, boolean>();
  const write = (text: string, withPatients = text): void => {
    for (const [client, patients] of clients) {
      client.write(patients ? withPatients : text);
      if (client.writableLength > MOST_UNREAD_BYTES) client.destroy();
    }
  };
  const heartbeat = setInterval(() => write(': heartbeat\n\n'), heartbeatMs);
  heartbeat.unref();
  return {
    add(response, patients = false) {
      response.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      });
      response.on('error', () => response.destroy());
      if (response.req.method === 'HEAD') {
        response.end();
        return;
      }
      response.once('close', () => clients.delete(response));
      response.write('retry: 2000\nevent: ready\ndata: {}\n\n');
      clients.set(response, patients);
    },
    send(event, data, withPatients = data) {
      const text = (shown: unknown): string => `event: ${event}\ndata: ${JSON.stringify(shown)}\n\n`;
      write(text(data), text(withPatients));
    },
    get clients() {
      return clients.size;
    },
    close() {
      clearInterval(heartbeat);
      for (const client of clients.keys()) client.end();
    },
  };
}

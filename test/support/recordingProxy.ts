/** A TCP proxy that notes what the client sent, so that a test knows what was on the wire whatever the sender made of its file. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

export type RecordingProxy = {
  readonly port: number;
  /** The datasets that went through, in order of arrival, by the SOP Instance UID of their command. */
  datasets(): readonly { readonly sopInstanceUid: string; readonly bytes: Buffer }[];
  close(): void;
};

export async function startRecordingProxy(targetPort: number): Promise<RecordingProxy> {
  const streams: Buffer[][] = [];
  const server = createServer((client) => {
    const chunks: Buffer[] = [];
    streams.push(chunks);
    const target = connect(targetPort, '127.0.0.1');
    client.on('data', (bytes) => chunks.push(bytes));
    client.pipe(target).pipe(client);
    client.on('error', () => target.destroy());
    target.on('error', () => client.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as { port: number }).port,
    datasets: () => streams.flatMap((chunks) => datasetsIn(Buffer.concat(chunks))),
    close: () => void server.close(),
  };
}

/** Whole datasets of what a client sent, which may be cut anywhere. PS3.8 §9.3.5, written without the receiver's code. */
export function datasetsIn(stream: Buffer): { sopInstanceUid: string; bytes: Buffer }[] {
  const found: { sopInstanceUid: string; bytes: Buffer }[] = [];
  let [command, data]: Buffer[][] = [[], []];
  let sopInstanceUid = '';
  for (let at = 0; at + 6 <= stream.length; at += 6 + stream.readUInt32BE(at + 2)) {
    const end = at + 6 + stream.readUInt32BE(at + 2);
    if (end > stream.length) break;
    if (stream[at] !== 4) continue;
    for (let pdv = at + 6; pdv < end; pdv += 4 + stream.readUInt32BE(pdv)) {
      const value = stream.subarray(pdv + 6, pdv + 4 + stream.readUInt32BE(pdv));
      const [isCommand, isLast] = [(stream[pdv + 5]! & 1) === 1, (stream[pdv + 5]! & 2) === 2];
      (isCommand ? command! : data!).push(value);
      if (!isLast) continue;
      if (isCommand) [sopInstanceUid, command, data] = [affectedInstance(Buffer.concat(command!)), [], []];
      else found.push({ sopInstanceUid, bytes: Buffer.concat(data!) });
    }
  }
  return found;
}

function affectedInstance(command: Buffer): string {
  for (let at = 0; at < command.length; at += 8 + command.readUInt32LE(at + 4))
    if (command.readUInt16LE(at + 2) === 0x1000)
      return command
        .subarray(at + 8, at + 8 + command.readUInt32LE(at + 4))
        .toString('latin1')
        .replace(/\0$/, '');
  return '';
}

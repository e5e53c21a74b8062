/** What the scanner really sent: the way to the receiver leads through here. */
import { createHash } from 'node:crypto';
import { datasetsIn } from '../support/recordingProxy.ts';
import { startCuttingProxy } from './cuttingProxy.ts';

export type Wire = {
  readonly port: number;
  /** SHA-256 of each dataset that went over whole under a SOP Instance UID. */
  digestsOf(sopInstanceUid: string): ReadonlySet<string>;
  close(): void;
};

export const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export async function openWire(receiverPort: number): Promise<Wire> {
  const digests = new Map<string, Set<string>>();
  const proxy = await startCuttingProxy(receiverPort, (stream) => {
    for (const { sopInstanceUid, bytes } of datasetsIn(stream))
      digests.set(sopInstanceUid, (digests.get(sopInstanceUid) ?? new Set()).add(digestOf(bytes)));
  });
  return {
    port: proxy.port,
    digestsOf: (uid) => digests.get(uid) ?? new Set(),
    close: () => proxy.close(),
  };
}

/** A conversation as what goes over the wire (PS3.8 §9.3), in a form that can be changed piece by piece. */
import { pdv } from '../../support/rawPeer.ts';

export type WirePdv = {
  readonly contextId: number;
  readonly isCommand: boolean;
  readonly isLast: boolean;
  readonly value: Buffer;
  /** What its header says when not the truth. */
  readonly length?: number;
};
export type WirePdu = {
  readonly type: number;
  readonly content: Buffer | readonly WirePdv[];
  /** What its header says when not the truth. */
  readonly length?: number;
};

export const bytesOf = (pdus: readonly WirePdu[]): Buffer => Buffer.concat(pdus.map(pduBytes));

function pduBytes({ type, content, length }: WirePdu): Buffer {
  const body = Buffer.isBuffer(content) ? content : Buffer.concat(content.map(pdvBytes));
  const header = Buffer.from([type, 0, 0, 0, 0, 0]);
  header.writeUInt32BE((length ?? body.length) >>> 0, 2);
  return Buffer.concat([header, body]);
}

function pdvBytes({ contextId, isCommand, isLast, value, length }: WirePdv): Buffer {
  const bytes = pdv(contextId, isCommand ? 'command' : 'data', isLast, value);
  if (length !== undefined) bytes.writeUInt32BE(length >>> 0, 0);
  return bytes;
}

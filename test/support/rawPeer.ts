/** A DICOM peer made of bytes, for what no well-behaved client does. Written from PS3.8, independently of the receiver. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export const CT = '1.2.840.10008.5.1.4.1.1.2';
export const VERIFICATION = '1.2.840.10008.1.1';
export const IMPLICIT = '1.2.840.10008.1.2';
export const EXPLICIT = '1.2.840.10008.1.2.1';

export type RawPdu = { readonly type: number; readonly body: Buffer };

export type RawPeer = {
  readonly socket: Socket;
  send(...pdus: Buffer[]): void;
  /** The next PDU, or null once the receiver has closed. */
  next(): Promise<RawPdu | null>;
  /** Waits until the receiver has closed, whatever it says before. */
  closed(): Promise<void>;
  /** Associates and returns the answer. */
  associate(options?: AssociateOptions): Promise<RawPdu | null>;
  /** Waits for a response command and returns its elements. */
  response(): Promise<ReadonlyMap<number, Buffer>>;
};

/**
 * @param allowHalfOpen keep our side open when the receiver has closed its own
 * @param localAddress another loopback address, to be another host
 */
export async function connectRaw(port: number, allowHalfOpen = false, localAddress = '127.0.0.1'): Promise<RawPeer> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen, localAddress });
  await once(socket, 'connect');
  socket.setNoDelay(true);
  const arrived: RawPdu[] = [];
  let bytes: Buffer = Buffer.alloc(0);
  let wake = (): void => undefined;
  socket.on('data', (data) => {
    bytes = Buffer.concat([bytes, data]);
    for (let pdus = pduLength(bytes); pdus !== null; pdus = pduLength(bytes)) {
      arrived.push({ type: bytes[0]!, body: bytes.subarray(6, pdus) });
      bytes = bytes.subarray(pdus);
    }
    wake();
  });
  socket.on('error', () => undefined);
  socket.on('close', () => wake());
  const next = async (): Promise<RawPdu | null> => {
    while (arrived.length === 0 && !socket.destroyed) await new Promise<void>((resolve) => (wake = resolve));
    return arrived.shift() ?? null;
  };
  const send = (...pdus: Buffer[]): void => void socket.write(Buffer.concat(pdus));
  return {
    socket,
    send,
    next,
    closed: async () => {
      while ((await next()) !== null);
    },
    associate(options = {}) {
      send(associateRequest(options));
      return next();
    },
    async response() {
      const pdu = await next();
      if (pdu?.type !== 4) throw new Error(`no P-DATA but ${pdu === null ? 'the end' : `PDU type ${pdu.type}`}`);
      return commandElements(pdu.body.subarray(6));
    },
  };
}

const pduLength = (bytes: Buffer): number | null => {
  if (bytes.length < 6) return null;
  const length = 6 + bytes.readUInt32BE(2);
  return bytes.length < length ? null : length;
};

export function pdu(type: number, body: Buffer): Buffer {
  const header = Buffer.alloc(6);
  header[0] = type;
  header.writeUInt32BE(body.length, 2);
  return Buffer.concat([header, body]);
}

export type RawContext = {
  readonly id: number;
  readonly abstractSyntax: string;
  readonly transferSyntaxes: readonly string[];
};
export type AssociateOptions = {
  readonly called?: string;
  readonly calling?: string;
  readonly version?: number;
  readonly applicationContext?: string;
  readonly contexts?: readonly RawContext[];
  readonly maxPduLength?: number;
  readonly roles?: readonly { readonly sopClassUid: string; readonly scu: number; readonly scp: number }[];
};

export const CT_CONTEXT: RawContext = { id: 1, abstractSyntax: CT, transferSyntaxes: [EXPLICIT] };
export const ECHO_CONTEXT: RawContext = { id: 3, abstractSyntax: VERIFICATION, transferSyntaxes: [IMPLICIT] };

export function associateRequest(options: AssociateOptions = {}): Buffer {
  const { called = 'ICHOR', calling = 'RAWPEER', version = 1, applicationContext = '1.2.840.10008.3.1.1.1' } = options;
  const fixed = Buffer.alloc(68);
  fixed.writeUInt16BE(version, 0);
  fixed.write(called.padEnd(16), 4, 'latin1');
  fixed.write(calling.padEnd(16), 20, 'latin1');
  const contexts = (options.contexts ?? [CT_CONTEXT, ECHO_CONTEXT]).map(({ id, abstractSyntax, transferSyntaxes }) =>
    item(
      0x20,
      Buffer.concat([
        Buffer.from([id, 0, 0, 0]),
        item(0x30, Buffer.from(abstractSyntax)),
        ...transferSyntaxes.map((uid) => item(0x40, Buffer.from(uid))),
      ]),
    ),
  );
  const roles = (options.roles ?? []).map(({ sopClassUid, scu, scp }) =>
    item(
      0x54,
      Buffer.concat([Buffer.from([0, sopClassUid.length]), Buffer.from(sopClassUid), Buffer.from([scu, scp])]),
    ),
  );
  const maxLength = Buffer.alloc(4);
  maxLength.writeUInt32BE(options.maxPduLength ?? 0x4000);
  const user = item(0x50, Buffer.concat([item(0x51, maxLength), item(0x52, Buffer.from('1.2.3.4')), ...roles]));
  return pdu(1, Buffer.concat([fixed, item(0x10, Buffer.from(applicationContext)), ...contexts, user]));
}

function item(type: number, value: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header[0] = type;
  header.writeUInt16BE(value.length, 2);
  return Buffer.concat([header, value]);
}

/** Presentation context id → result and accepted transfer syntax, of an A-ASSOCIATE-AC. */
export function acceptedContexts({ body }: RawPdu): Map<number, { result: number; transferSyntax: string }> {
  const found = new Map<number, { result: number; transferSyntax: string }>();
  for (let at = 68; at < body.length; at += 4 + body.readUInt16BE(at + 2)) {
    if (body[at] !== 0x21) continue;
    const value = body.subarray(at + 4, at + 4 + body.readUInt16BE(at + 2));
    found.set(value[0]!, { result: value[2]!, transferSyntax: value.subarray(8).toString('latin1') });
  }
  return found;
}

/** SCU and SCP role by SOP Class, of an A-ASSOCIATE-AC. */
export function acceptedRoles({ body }: RawPdu): Map<string, [number, number]> {
  const found = new Map<string, [number, number]>();
  for (let at = 68; at < body.length; at += 4 + body.readUInt16BE(at + 2)) {
    if (body[at] !== 0x50) continue;
    const user = body.subarray(at + 4, at + 4 + body.readUInt16BE(at + 2));
    for (let inner = 0; inner < user.length; inner += 4 + user.readUInt16BE(inner + 2)) {
      if (user[inner] !== 0x54) continue;
      const length = user.readUInt16BE(inner + 4);
      const uid = user.subarray(inner + 6, inner + 6 + length).toString('latin1');
      found.set(uid, [user[inner + 6 + length]!, user[inner + 7 + length]!]);
    }
  }
  return found;
}

export function pdv(contextId: number, kind: 'command' | 'data', isLast: boolean, value: Buffer): Buffer {
  const header = Buffer.alloc(6);
  header.writeUInt32BE(value.length + 2, 0);
  header[4] = contextId;
  header[5] = (kind === 'command' ? 1 : 0) + (isLast ? 2 : 0);
  return Buffer.concat([header, value]);
}

/** One P-DATA-TF with these PDVs. */
export const pData = (...pdvs: readonly Buffer[]): Buffer => pdu(4, Buffer.concat(pdvs));
export const releaseRequest = (): Buffer => pdu(5, Buffer.alloc(4));
export const abortRequest = (): Buffer => pdu(7, Buffer.alloc(4));

/** A command set in Implicit VR Little Endian. @param elements element number of group 0000 → text (UI) or number (US) */
export function commandSet(elements: Readonly<Record<number, string | number>>): Buffer {
  const encoded = Object.entries(elements).map(([element, value]) => implicit(Number(element), encodedValue(value)));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(Buffer.concat(encoded).length);
  return Buffer.concat([implicit(0, length), ...encoded]);
}

function encodedValue(value: string | number): Buffer {
  if (typeof value === 'string') return Buffer.from(value.length % 2 === 0 ? value : `${value}\0`, 'latin1');
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

function implicit(element: number, value: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16LE(element, 2);
  header.writeUInt32LE(value.length, 4);
  return Buffer.concat([header, value]);
}

export const echoCommand = (messageId = 1): Buffer =>
  commandSet({ 2: VERIFICATION, 256: 0x0030, 272: messageId, 2048: 0x0101 });

export const storeCommand = (sopInstanceUid: string, { messageId = 1, sopClassUid = CT } = {}): Buffer =>
  commandSet({
    2: sopClassUid,
    256: 0x0001,
    272: messageId,
    1792: 0,
    2048: 0x0000,
    4096: sopInstanceUid,
  });

/** A whole C-STORE: the command in one PDU, the dataset in PDVs of `pdvBytes`, `perPdu` of them in each PDU. */
export function storeRequest(
  sopInstanceUid: string,
  dataset: Buffer,
  { messageId = 1, contextId = 1, sopClassUid = CT, pdvBytes = 16_000, perPdu = 1 } = {},
): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; at < dataset.length; at += pdvBytes)
    pieces.push(pdv(contextId, 'data', at + pdvBytes >= dataset.length, dataset.subarray(at, at + pdvBytes)));
  const pdus = [pData(pdv(contextId, 'command', true, storeCommand(sopInstanceUid, { messageId, sopClassUid })))];
  for (let at = 0; at < pieces.length; at += perPdu) pdus.push(pData(...pieces.slice(at, at + perPdu)));
  return Buffer.concat(pdus);
}

/** Element number of group 0000 → value. */
export function commandElements(bytes: Buffer): ReadonlyMap<number, Buffer> {
  const elements = new Map<number, Buffer>();
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at + 4);
    elements.set(bytes.readUInt16LE(at + 2), bytes.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  return elements;
}

export const statusIn = (elements: ReadonlyMap<number, Buffer>): number => elements.get(0x0900)!.readUInt16LE();
export const commentIn = (elements: ReadonlyMap<number, Buffer>): string | undefined =>
  elements.get(0x0902)?.toString('latin1').trim();

/** Bytes → PDUs → PDVs (PS3.8 §9.3), with the limits that a hostile or broken peer runs into. Pure but for its own buffer. */
import { makePieces, type Pieces } from './pieces.ts';

export const PDU = {
  associateRequest: 1,
  associateAccept: 2,
  associateReject: 3,
  data: 4,
  releaseRequest: 5,
  releaseResponse: 6,
  abort: 7,
} as const;

/** Largest P-DATA-TF that we offer to take. */
export const MAX_PDU_LENGTH = 131_072;
/** Some devices overrun what they were offered; a little is taken rather than a study lost. */
const TOLERATED_PDU_LENGTH = 2 * MAX_PDU_LENGTH;
/** 128 presentation contexts of some sixty transfer syntaxes each. */
export const MAX_ASSOCIATE_REQUEST_LENGTH = 262_144;
const HEADER_LENGTH = 6;

/** Which PDUs may come: before the association, during it, or none any more. */
export type Expecting = 'request' | 'traffic' | 'nothing';

/** One PDU without its header. Its bytes stay in the pieces in which they came: images are not copied. */
export type Pdu = { readonly type: number; readonly body: readonly Buffer[]; readonly length: number };

export type Framer = {
  push(bytes: Buffer): void;
  /** The next complete PDU, null when there is none yet. @throws FramingError */
  next(): Pdu | null;
  expect(what: Expecting): void;
  /** Presentation context of a P-DATA-TF that has begun and is not taken; null when there is none, or it does not tell yet. */
  begunContext(): number | null;
  /** Bytes that are not taken yet, and the memory that they keep. */
  length(): number;
  heldBytes(): number;
};

/** The peer does not speak the upper layer protocol; the connection is of no more use. */
export class FramingError extends Error {}

/** An A-ASSOCIATE-RQ that cannot be read: its sender understands an A-ASSOCIATE-RJ. */
export class AssociateRequestError extends FramingError {
  /** Null when it is not known. */
  readonly callingAeTitle: string | null;
  constructor(message: string, callingAeTitle: string | null) {
    super(message);
    this.callingAeTitle = callingAeTitle;
  }
}

/** Protocol version, reserved bytes, called and calling AE title (PS3.8 table 9-11). */
const AE_TITLES_LENGTH = 36;

/** @param body an A-ASSOCIATE-RQ without its header, or the begin of it. @returns null when it is too short */
export const callingAeTitleIn = (body: Buffer): string | null =>
  body.length < AE_TITLES_LENGTH ? null : aeTitleOf(body.subarray(20, AE_TITLES_LENGTH));

/** Printable, whatever was sent: it goes into logs and onto terminals. Such a title matches none that is allowed. */
export const aeTitleOf = (bytes: Buffer): string =>
  bytes
    .toString('latin1')
    .replaceAll(/^[ \0]+|[ \0]+$/g, '')
    .replaceAll(/[^\x20-\x7e]/g, '?');

export function makeFramer(): Framer {
  let pieces = makePieces();
  let header: Header | null = null;
  let expecting: Expecting = 'request';
  return {
    push(bytes) {
      if (expecting !== 'nothing') pieces.add(bytes);
    },
    next() {
      if (header === null && pieces.length() >= HEADER_LENGTH) header = checkedHeader(pieces, expecting);
      if (header === null || pieces.length() < header.length) return null;
      const { type, length } = header;
      if (type === PDU.associateRequest) expecting = 'traffic';
      header = null;
      return { type, length, body: pieces.take(length) };
    },
    expect(what) {
      expecting = what;
      if (what === 'nothing') [pieces, header] = [makePieces(), null];
    },
    begunContext() {
      const start = Buffer.concat(pieces.list, Math.min(pieces.length(), HEADER_LENGTH + PDV_HEADER_LENGTH));
      const type = header === null ? start[0] : header.type;
      return type === PDU.data ? (start[(header === null ? HEADER_LENGTH : 0) + 4] ?? null) : null;
    },
    length: () => pieces.length(),
    heldBytes: () => pieces.heldBytes(),
  };
}

type Header = { readonly type: number; readonly length: number };

function checkedHeader(pieces: Pieces, expecting: Expecting): Header {
  const bytes = Buffer.concat(pieces.take(HEADER_LENGTH));
  const [type, length] = [bytes[0]!, bytes.readUInt32BE(2)];
  const allowed: readonly number[] =
    expecting === 'request' ? [PDU.associateRequest] : [PDU.data, PDU.releaseRequest, PDU.abort];
  if (!allowed.includes(type)) throw new FramingError(`PDU type ${type} is out of place`);
  if (type === PDU.associateRequest && length > MAX_ASSOCIATE_REQUEST_LENGTH)
    throw new AssociateRequestError(
      `an A-ASSOCIATE-RQ of ${length} bytes exceeds ${MAX_ASSOCIATE_REQUEST_LENGTH}`,
      callingAeTitleIn(Buffer.concat(pieces.take(AE_TITLES_LENGTH))),
    );
  const limit =
    type === PDU.associateRequest ? MAX_ASSOCIATE_REQUEST_LENGTH : type === PDU.data ? TOLERATED_PDU_LENGTH : 4;
  if (length > limit) throw new FramingError(`a PDU of ${length} bytes exceeds ${limit}`);
  return { type, length };
}

/** Presentation Data Value: a piece of a command or of a dataset (PS3.8 §9.3.5.1 and Annex E.2). */
export type Pdv = {
  readonly contextId: number;
  readonly isCommand: boolean;
  readonly isLast: boolean;
  readonly value: readonly Buffer[];
  readonly valueBytes: number;
};

const PDV_HEADER_LENGTH = 6;

/** The PDVs of a P-DATA-TF, one after the other: there may be tens of thousands. @throws FramingError */
export function* pdvsOf({ body }: Pick<Pdu, 'body'>): Generator<Pdv, void> {
  const rest = makePieces([...body]);
  while (rest.length() > 0) {
    const header = Buffer.concat(rest.take(PDV_HEADER_LENGTH));
    const valueBytes = header.length === PDV_HEADER_LENGTH ? header.readUInt32BE(0) - 2 : -1;
    if (valueBytes < 0 || valueBytes > rest.length()) throw new FramingError('a PDV does not fit into its PDU');
    const control = header[5]!;
    yield {
      contextId: header[4]!,
      isCommand: (control & 1) !== 0,
      isLast: (control & 2) !== 0,
      value: rest.take(valueBytes),
      valueBytes,
    };
  }
}

/** A PDV of one P-DATA-TF that fits into it; fragments are of even length (PS3.8 Annex E.1). */
export const MIN_PDU_LENGTH = PDV_HEADER_LENGTH + 2;

/**
 * A command as P-DATA-TFs.
 * @param maxLength the receiver's Maximum Length, at least {@link MIN_PDU_LENGTH} (PS3.8 §D.1)
 */
export function commandPdus(contextId: number, command: Buffer, maxLength: number): Buffer {
  const most = (maxLength - PDV_HEADER_LENGTH) & ~1;
  const pdus: Buffer[] = [];
  for (let at = 0; at === 0 || at < command.length; at += most) {
    const value = command.subarray(at, at + most);
    const head = Buffer.alloc(HEADER_LENGTH + PDV_HEADER_LENGTH);
    head[0] = PDU.data;
    head.writeUInt32BE(PDV_HEADER_LENGTH + value.length, 2);
    head.writeUInt32BE(2 + value.length, HEADER_LENGTH);
    head[HEADER_LENGTH + 4] = contextId;
    head[HEADER_LENGTH + 5] = at + most >= command.length ? 3 : 1;
    pdus.push(head, value);
  }
  return Buffer.concat(pdus);
}

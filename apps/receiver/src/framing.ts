/** Bytes → PDUs → PDVs (PS3.8 §9.3), with the limits that a hostile or broken peer runs into. Pure but for its own buffer. */

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
const MAX_ASSOCIATE_REQUEST_LENGTH = 65_536;
const HEADER_LENGTH = 6;

/** Which PDUs may come: before the association, during it, or none any more. */
export type Expecting = 'request' | 'traffic' | 'nothing';

/** One PDU without its header. Its bytes stay in the pieces in which they came: images are not copied. */
export type Pdu = { readonly type: number; readonly body: readonly Buffer[] };

export type Framer = {
  /** @returns the PDUs that are complete now. @throws FramingError; what was complete before the fault is lost with it */
  push(bytes: Buffer): Pdu[];
  expect(what: Expecting): void;
};

/** The peer does not speak the upper layer protocol; the connection is of no more use. */
export class FramingError extends Error {}

export function makeFramer(): Framer {
  let pieces = makePieces();
  let header: Header | null = null;
  let expecting: Expecting = 'request';
  return {
    push(bytes) {
      if (expecting === 'nothing') return [];
      pieces.add(bytes);
      const complete: Pdu[] = [];
      for (;;) {
        if (header === null && pieces.length() >= HEADER_LENGTH)
          header = checkedHeader(Buffer.concat(pieces.take(HEADER_LENGTH)), expecting);
        if (header === null || pieces.length() < header.length) return complete;
        if (header.type === PDU.associateRequest) expecting = 'traffic';
        complete.push({ type: header.type, body: pieces.take(header.length) });
        header = null;
      }
    },
    expect(what) {
      expecting = what;
      if (what === 'nothing') [pieces, header] = [makePieces(), null];
    },
  };
}

type Header = { readonly type: number; readonly length: number };

function checkedHeader(bytes: Buffer, expecting: Expecting): Header {
  const [type, length] = [bytes[0]!, bytes.readUInt32BE(2)];
  const allowed: readonly number[] =
    expecting === 'request' ? [PDU.associateRequest] : [PDU.data, PDU.releaseRequest, PDU.abort];
  if (!allowed.includes(type)) throw new FramingError(`PDU type ${type} is out of place`);
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

/** The PDVs of a P-DATA-TF, any number of them. @throws FramingError */
export function pdvsOf({ body }: Pdu): Pdv[] {
  const rest = makePieces();
  for (const piece of body) rest.add(piece);
  const pdvs: Pdv[] = [];
  while (rest.length() > 0) {
    const header = Buffer.concat(rest.take(PDV_HEADER_LENGTH));
    const valueBytes = header.length === PDV_HEADER_LENGTH ? header.readUInt32BE(0) - 2 : -1;
    if (valueBytes < 0 || valueBytes > rest.length()) throw new FramingError('a PDV does not fit into its PDU');
    const control = header[5]!;
    pdvs.push({
      contextId: header[4]!,
      isCommand: (control & 1) !== 0,
      isLast: (control & 2) !== 0,
      value: rest.take(valueBytes),
      valueBytes,
    });
  }
  return pdvs;
}

/** Smaller pieces than this are joined, so that a peer that sends single bytes does not cost more than it sends. */
const SMALL_PIECE = 4_096;

/** A queue of bytes in pieces. `take` gives less than asked for when there is no more. */
function makePieces() {
  const pieces: Buffer[] = [];
  let total = 0;
  return {
    length: () => total,
    add(bytes: Buffer): void {
      if (bytes.length === 0) return;
      const last = pieces.at(-1);
      if (last !== undefined && last.length + bytes.length < SMALL_PIECE)
        pieces[pieces.length - 1] = Buffer.concat([last, bytes]);
      else pieces.push(bytes);
      total += bytes.length;
    },
    take(count: number): Buffer[] {
      const taken: Buffer[] = [];
      let missing = Math.min(count, total);
      total -= missing;
      while (missing > 0) {
        const first = pieces[0]!;
        if (first.length <= missing) pieces.shift();
        else pieces[0] = first.subarray(missing);
        taken.push(first.length <= missing ? first : first.subarray(0, missing));
        missing -= taken.at(-1)!.length;
      }
      return taken;
    },
  };
}

/** Bytes → PDUs (PS3.8 §9.3.1), with the limits that a hostile or broken peer runs into. Pure but for its own buffer. */

export const PDU = {
  associateRequest: 1,
  associateAccept: 2,
  associateReject: 3,
  data: 4,
  releaseRequest: 5,
  releaseResponse: 6,
  abort: 7,
} as const;

/** Largest P-DATA-TF that we offer to take and take. */
export const MAX_PDU_LENGTH = 131_072;
const MAX_ASSOCIATE_REQUEST_LENGTH = 65_536;
const HEADER_LENGTH = 6;

/** Which PDUs may come: before the association, during it, or none any more. */
export type Expecting = 'request' | 'traffic' | 'nothing';

export type Framer = {
  /** @returns the PDUs that are complete now. @throws FramingError */
  push(bytes: Buffer): Buffer[];
  expect(what: Expecting): void;
};

/** The peer does not speak the upper layer protocol; the connection is of no more use. */
export class FramingError extends Error {}

export function makeFramer(): Framer {
  let pieces: Buffer[] = [];
  let have = 0;
  let need: number | null = null;
  let expecting: Expecting = 'request';
  const take = (count: number): Buffer => {
    const all = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
    pieces = all.length === count ? [] : [all.subarray(count)];
    have -= count;
    return all.subarray(0, count);
  };
  const header = (): Buffer => {
    if (pieces[0]!.length < HEADER_LENGTH) pieces = [Buffer.concat(pieces)];
    return pieces[0]!;
  };
  return {
    push(bytes) {
      if (expecting === 'nothing') return [];
      pieces.push(bytes);
      have += bytes.length;
      const complete: Buffer[] = [];
      for (;;) {
        if (need === null && have >= HEADER_LENGTH) need = HEADER_LENGTH + checkedLength(header(), expecting);
        if (need === null || have < need) return complete;
        const pdu = take(need);
        need = null;
        complete.push(pdu);
        if (pdu[0] === PDU.associateRequest) expecting = 'traffic';
      }
    },
    expect(what) {
      expecting = what;
      if (what === 'nothing') [pieces, have, need] = [[], 0, null];
    },
  };
}

function checkedLength(header: Buffer, expecting: Expecting): number {
  const [type, length] = [header[0]!, header.readUInt32BE(2)];
  const allowed: readonly number[] =
    expecting === 'request' ? [PDU.associateRequest] : [PDU.data, PDU.releaseRequest, PDU.abort];
  if (!allowed.includes(type)) throw new FramingError(`PDU type ${type} is out of place`);
  const limit = type === PDU.associateRequest ? MAX_ASSOCIATE_REQUEST_LENGTH : type === PDU.data ? MAX_PDU_LENGTH : 4;
  if (length > limit) throw new FramingError(`PDU of ${length} bytes exceeds ${limit}`);
  return length;
}

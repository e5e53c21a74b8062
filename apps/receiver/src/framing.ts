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

export type Framer = {
  /** @returns the PDUs that are complete now. @throws FramingError; what was complete before the fault is lost with it */
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
      if (expecting === 'nothing' || bytes.length === 0) return [];
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
  const limit =
    type === PDU.associateRequest ? MAX_ASSOCIATE_REQUEST_LENGTH : type === PDU.data ? TOLERATED_PDU_LENGTH : 4;
  if (length > limit) throw new FramingError(`a PDU of ${length} bytes exceeds ${limit}`);
  return length;
}

/** Presentation Data Value: a piece of a command or of a dataset (PS3.8 §9.3.5.1 and Annex E.2). */
export type Pdv = {
  readonly contextId: number;
  readonly isCommand: boolean;
  readonly isLast: boolean;
  readonly value: Buffer;
};

/** The PDVs of a P-DATA-TF, any number of them. @param pdu with its six bytes of header. @throws FramingError */
export function pdvsOf(pdu: Buffer): Pdv[] {
  const pdvs: Pdv[] = [];
  for (let at = HEADER_LENGTH; at < pdu.length; ) {
    const length = at + 4 <= pdu.length ? pdu.readUInt32BE(at) : 0;
    if (length < 2 || at + 4 + length > pdu.length) throw new FramingError('a PDV does not fit into its PDU');
    const control = pdu[at + 5]!;
    pdvs.push({
      contextId: pdu[at + 4]!,
      isCommand: (control & 1) !== 0,
      isLast: (control & 2) !== 0,
      value: pdu.subarray(at + 6, at + 4 + length),
    });
    at += 4 + length;
  }
  return pdvs;
}

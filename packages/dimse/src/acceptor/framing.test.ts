import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  AssociateRequestError,
  commandPdus,
  type Framer,
  FramingError,
  MIN_PDU_LENGTH,
  makeFramer,
  PDU,
  type Pdu,
  pdvsOf,
} from './framing.ts';

const pduOf = (type: number, body: Uint8Array): Buffer => {
  const header = Buffer.alloc(6);
  header[0] = type;
  header.writeUInt32BE(body.length, 2);
  return Buffer.concat([header, body]);
};
const request = pduOf(PDU.associateRequest, Buffer.alloc(68, 1));
const traffic = fc.array(
  fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((body) => pduOf(PDU.data, body)),
    fc.constant(pduOf(PDU.releaseRequest, Buffer.alloc(4))),
    fc.constant(pduOf(PDU.abort, Buffer.alloc(4))),
  ),
  { maxLength: 8 },
);

/** Cuts a stream at the given places. */
function cut(stream: Buffer, places: readonly number[]): Buffer[] {
  const at = [
    0,
    ...places.map((place) => place % (stream.length + 1)).sort((one, other) => one - other),
    stream.length,
  ];
  return at.slice(1).map((end, index) => stream.subarray(at[index], end));
}

/** Every PDU that a framer has complete. */
function taken(framer: Framer): Pdu[] {
  const pdus: Pdu[] = [];
  for (let pdu = framer.next(); pdu !== null; pdu = framer.next()) pdus.push(pdu);
  return pdus;
}

function pushed(framer: Framer, bytes: Buffer): Pdu[] {
  framer.push(bytes);
  return taken(framer);
}

describe('framing', () => {
  test('any chunking of a stream gives the same PDUs', () => {
    fc.assert(
      fc.property(traffic, fc.array(fc.nat(), { maxLength: 40 }), (pdus, places) => {
        const sent = [request, ...pdus];
        const framer = makeFramer();
        const got = cut(Buffer.concat(sent), places).flatMap((chunk) => pushed(framer, chunk));
        expect(got.map(({ type, body }) => pduOf(type, Buffer.concat(body)).toString('hex'))).toEqual(
          sent.map((pdu) => pdu.toString('hex')),
        );
      }),
    );
  });

  test('any bytes give PDUs or a FramingError, and nothing else', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }), (chunks) => {
        const framer = makeFramer();
        try {
          for (const chunk of [request, ...chunks])
            for (const pdu of pushed(framer, Buffer.from(chunk))) [...pdvsOf(pdu)];
        } catch (error) {
          expect(error).toBeInstanceOf(FramingError);
        }
      }),
    );
  });

  test.each([
    ['P-DATA before the request', Buffer.from([4, 0, 0, 0, 0, 0])],
    ['a request of more than 256 KB', Buffer.from([1, 0, 0, 4, 0, 1])],
    ['a request of 4 GB', Buffer.from([1, 0, 255, 255, 255, 255])],
    ['what is no PDU', Buffer.from('GET / HTTP/1.1')],
  ])('%s is refused at its header', (_name, bytes) => {
    expect(() => pushed(makeFramer(), bytes)).toThrow(FramingError);
  });

  test('after the last word everything is ignored', () => {
    const framer = makeFramer();
    framer.push(request);
    framer.expect('nothing');
    expect(pushed(framer, pduOf(PDU.data, Buffer.alloc(9)))).toEqual([]);
    expect(framer.heldBytes()).toBe(0);
  });

  test('what is complete before a fault is still given', () => {
    const framer = makeFramer();
    framer.push(Buffer.concat([request, pduOf(PDU.data, Buffer.alloc(9)), Buffer.from('garbage')]));
    expect([framer.next()?.type, framer.next()?.type]).toEqual([PDU.associateRequest, PDU.data]);
    expect(() => framer.next()).toThrow('PDU type 103 is out of place');
  });

  test('a request that is too long names who called, when that came with its header', () => {
    const header = Buffer.from([1, 0, 0, 4, 0, 1]);
    const titles = Buffer.concat([
      Buffer.alloc(4),
      Buffer.from('ICHOR'.padEnd(16)),
      Buffer.from('CT\x1b[2J'.padEnd(16)),
    ]);
    const fault = (bytes: Buffer): unknown => {
      try {
        return pushed(makeFramer(), bytes);
      } catch (error) {
        return error;
      }
    };
    expect(fault(Buffer.concat([header, titles]))).toMatchObject({ callingAeTitle: 'CT?[2J' });
    expect(fault(header)).toBeInstanceOf(AssociateRequestError);
    expect(fault(header)).toMatchObject({
      callingAeTitle: null,
      message: 'an A-ASSOCIATE-RQ of 262145 bytes exceeds 262144',
    });
  });

  test('a command comes back from its PDUs, none of which is longer than the peer takes', () => {
    const command = fc.uint8Array({ minLength: 1, maxLength: 400 });
    fc.assert(
      fc.property(
        command,
        fc.integer({ min: MIN_PDU_LENGTH, max: 300 }),
        fc.nat(255),
        (bytes, maxLength, contextId) => {
          const framer = makeFramer();
          framer.push(request);
          const [, ...pdus] = pushed(framer, commandPdus(contextId, Buffer.from(bytes), maxLength));
          const pdvs = pdus.flatMap((pdu) => [...pdvsOf(pdu)]);
          expect(Math.max(...pdus.map(({ length }) => length))).toBeLessThanOrEqual(maxLength);
          expect(Buffer.concat(pdvs.flatMap(({ value }) => value)).equals(bytes)).toBe(true);
          expect(pdvs.map(({ isLast }) => isLast)).toEqual(pdvs.map((_, index) => index === pdvs.length - 1));
          expect(pdvs.every((one) => one.isCommand && one.contextId === contextId)).toBe(true);
        },
      ),
    );
  });

  test('a P-DATA-TF gives its PDVs, however many and however cut', () => {
    const pdv = fc.record({
      contextId: fc.nat(255),
      isCommand: fc.boolean(),
      isLast: fc.boolean(),
      value: fc.uint8Array(),
    });
    fc.assert(
      fc.property(fc.array(pdv, { maxLength: 6 }), fc.array(fc.nat(), { maxLength: 9 }), (pdvs, places) => {
        const bodies = pdvs.map(({ contextId, isCommand, isLast, value }) => {
          const header = Buffer.alloc(6);
          header.writeUInt32BE(value.length + 2);
          header[4] = contextId;
          header[5] = (isCommand ? 1 : 0) | (isLast ? 2 : 0);
          return Buffer.concat([header, value]);
        });
        const got = [...pdvsOf({ body: cut(Buffer.concat(bodies), places) })];
        expect(got.map((one) => ({ ...one, value: [...Buffer.concat(one.value)] }))).toEqual(
          pdvs.map((one) => ({ ...one, value: [...one.value], valueBytes: one.value.length })),
        );
      }),
    );
  });
});

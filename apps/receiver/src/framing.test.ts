import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { FramingError, makeFramer, PDU, pdvsOf } from './framing.ts';

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

describe('framing', () => {
  test('any chunking of a stream gives the same PDUs', () => {
    fc.assert(
      fc.property(traffic, fc.array(fc.nat(), { maxLength: 40 }), (pdus, places) => {
        const sent = [request, ...pdus];
        const framer = makeFramer();
        const got = cut(Buffer.concat(sent), places).flatMap((chunk) => framer.push(chunk));
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
          for (const chunk of [request, ...chunks]) for (const pdu of framer.push(Buffer.from(chunk))) pdvsOf(pdu);
        } catch (error) {
          expect(error).toBeInstanceOf(FramingError);
        }
      }),
    );
  });

  test.each([
    ['P-DATA before the request', Buffer.from([4, 0, 0, 0, 0, 0])],
    ['a request of more than 64 KB', Buffer.from([1, 0, 0, 1, 0, 1])],
    ['a request of 4 GB', Buffer.from([1, 0, 255, 255, 255, 255])],
    ['what is no PDU', Buffer.from('GET / HTTP/1.1')],
  ])('%s is refused at its header', (_name, bytes) => {
    expect(() => makeFramer().push(bytes)).toThrow(FramingError);
  });

  test('after the last word everything is ignored', () => {
    const framer = makeFramer();
    framer.push(request);
    framer.expect('nothing');
    expect(framer.push(pduOf(PDU.data, Buffer.alloc(9)))).toEqual([]);
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
        const got = pdvsOf({ type: PDU.data, body: cut(Buffer.concat(bodies), places) });
        expect(got.map((one) => ({ ...one, value: [...Buffer.concat(one.value)] }))).toEqual(
          pdvs.map((one) => ({ ...one, value: [...one.value], valueBytes: one.value.length })),
        );
      }),
    );
  });
});

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseAssociateRequest } from './associateRequest.ts';
import { AssociateRequestError } from './framing.ts';

function item(type: number, ...values: Uint8Array[]): Buffer {
  const value = Buffer.concat(values);
  const header = Buffer.from([type, 0, value.length >> 8, value.length & 0xff]);
  return Buffer.concat([header, value]);
}
const context = (id: number): Buffer => item(0x20, Buffer.of(id, 0, 0, 0), item(0x30, Buffer.from('1.2')));
function request(...items: Uint8Array[]): Buffer {
  const fixed = Buffer.alloc(68);
  fixed.write('ICHOR'.padEnd(16) + 'CT\x07 1'.padEnd(16), 4, 'latin1');
  return Buffer.concat([fixed, ...items]);
}

describe('the maximum PDU length', () => {
  test.each([
    ['as it is said', item(0x51, Buffer.from([0, 0, 0, 128])), 128],
    ['0: any', item(0x51, Buffer.alloc(4)), Number.POSITIVE_INFINITY],
    ['not said', Buffer.alloc(0), 16_384],
    ['in a sub-item of another size', item(0x51, Buffer.of(1)), 16_384],
  ])('%s', (_name, subItem, expected) => {
    expect(parseAssociateRequest(request(item(0x50, subItem))).maxPduLength).toBe(expected);
  });
});

test('control characters in an AE title do not get through', () => {
  expect(parseAssociateRequest(request()).callingAeTitle).toBe('CT? 1');
});

describe('a request that leaves open what is meant is refused, and its caller is known', () => {
  test.each([
    ['one context twice', [context(1), context(3), context(1)], 'presentation context 1 is proposed twice'],
    [
      'more contexts than there are ids',
      Array.from({ length: 129 }, (_, id) => context(id)),
      '129 presentation contexts',
    ],
    ['a context without room for its id', [item(0x20, Buffer.of(1))], 'a presentation context is too short'],
    [
      'a role selection that ends early',
      [item(0x50, item(0x54, Buffer.from([0, 9, 49])))],
      'a role selection is too short',
    ],
    ['a sub-item that ends beyond it', [item(0x50, Buffer.from([0x53, 0, 0, 9, 1]))], 'ends beyond it'],
  ])('%s', (_name, items, message) => {
    const parse = () => parseAssociateRequest(request(...items));
    expect(parse).toThrow(AssociateRequestError);
    expect(parse).toThrow(
      expect.objectContaining({ callingAeTitle: 'CT? 1', message: expect.stringContaining(message) }),
    );
  });
});

test('any bytes are a request or an AssociateRequestError', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc.uint8Array({ maxLength: 200 }).map((tail) => request(tail)),
  );
  fc.assert(
    fc.property(bytes, (body) => {
      try {
        parseAssociateRequest(Buffer.from(body));
      } catch (error) {
        expect(error).toBeInstanceOf(AssociateRequestError);
      }
    }),
  );
});

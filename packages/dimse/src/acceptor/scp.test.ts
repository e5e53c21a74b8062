import { expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { commandSet } from '../../../../test/support/rawPeer.ts';
import { FramingError } from './framing.ts';

/** The library takes hold of the console when it is loaded. */
const said = (['debug', 'error', 'info', 'log', 'trace', 'warn'] as const).map((method) =>
  jest.spyOn(console, method).mockImplementation(() => {}),
);
const { decodeCommand } = await import('./scp.ts');

const STORE = commandSet({ 2: '1.2.3', 256: 1, 272: 7, 1792: 0, 2048: 0, 4096: '1.2.3.4' });

test('a C-STORE request names its SOP Class and Instance and has a dataset', () => {
  expect(decodeCommand(1, STORE)).toMatchObject({
    kind: 'C-STORE',
    contextId: 1,
    hasDataset: true,
    sopClassUid: '1.2.3',
    sopInstanceUid: '1.2.3.4',
  });
});

test('whatever a peer sends in place of a command is a command or a broken rule, and nothing of it reaches the console', () => {
  const characterSets = Buffer.from('0800050012000000ISO_IR 100\\PATIENT', 'latin1');
  const anything = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.tuple(fc.nat(STORE.length - 1), fc.nat(255)).map(([at, byte]) => {
      const changed = Buffer.from(STORE);
      changed[at] = byte;
      return changed;
    }),
    fc.nat(STORE.length).map((length) => Buffer.concat([STORE.subarray(0, length), characterSets])),
  );
  fc.assert(
    fc.property(anything, (bytes) => {
      try {
        decodeCommand(1, bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(FramingError);
      }
    }),
  );
  for (const method of said) expect(method).not.toHaveBeenCalled();
});

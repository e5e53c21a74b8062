/** Changes that know nothing of the format. */
import type { Dice } from '../dice.ts';

const ODD_BYTES = [0, 1, 0x7f, 0x80, 0xfe, 0xff, 0x0a, 0x0d, 0x1b, 0x1c, 0x0b, 0x5c, 0x7c, 0x5e];

/** One to a few changes of single bytes, runs, and the end. @param most byte offset beyond which nothing is changed */
export function mutateBytes(bytes: Buffer, dice: Dice, most = bytes.length): Buffer {
  let changed: Buffer = Buffer.from(bytes);
  for (let times = dice.few(8); times > 0; times--) changed = dice.pick(CHANGES)(changed, dice, most);
  return changed;
}

type Change = (bytes: Buffer, dice: Dice, most: number) => Buffer;
const place = (bytes: Buffer, dice: Dice, most: number): number =>
  dice.whole(0, Math.max(0, Math.min(bytes.length, most) - 1));

const CHANGES: readonly Change[] = [
  (bytes, dice, most) => {
    if (bytes.length > 0) bytes[place(bytes, dice, most)]! ^= 1 << dice.whole(0, 7);
    return bytes;
  },
  (bytes, dice, most) => {
    if (bytes.length > 0) bytes[place(bytes, dice, most)] = dice.pick(ODD_BYTES);
    return bytes;
  },
  (bytes, dice, most) => {
    const at = place(bytes, dice, most);
    return Buffer.concat([bytes.subarray(0, at), dice.bytes(dice.few(64)), bytes.subarray(at)]);
  },
  (bytes, dice, most) => {
    const at = place(bytes, dice, most);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + dice.few(256))]);
  },
  (bytes, dice, most) => {
    const at = place(bytes, dice, most);
    const run = bytes.subarray(at, at + dice.few(512));
    return Buffer.concat([bytes.subarray(0, at), run, bytes.subarray(at)]);
  },
  (bytes, dice, most) => {
    const at = place(bytes, dice, most);
    bytes.fill(dice.pick(ODD_BYTES), at, Math.min(bytes.length, at + dice.few(128)));
    return bytes;
  },
  (bytes, dice) => bytes.subarray(0, dice.whole(0, bytes.length)),
];

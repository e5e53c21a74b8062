/** Changes of Pixel Data: its length, fragments, offset table, markers and the bytes of the codestream. */
import type { Dice } from '../dice.ts';
import { mutateBytes } from './bytes.ts';
import { type Place, UNDEFINED_LENGTH } from './elements.ts';

/** @param place of Pixel Data in `bytes`; encapsulated Pixel Data is always little endian */
export function mutatePixelData(bytes: Buffer, { valueAt, length, lengthAt, lengthBytes }: Place, dice: Dice): Buffer {
  const [head, value] = [Buffer.from(bytes.subarray(0, valueAt)), bytes.subarray(valueAt)];
  if (length !== UNDEFINED_LENGTH) {
    if (dice.chance(0.2) && lengthBytes === 4)
      head.writeUInt32LE(dice.pick([0, length - 1, length + 2, UNDEFINED_LENGTH]) >>> 0, lengthAt);
    return Buffer.concat([
      head,
      dice.chance(0.5) ? mutateBytes(value, dice) : value.subarray(0, dice.whole(0, value.length)),
    ]);
  }
  const items = itemsOf(value);
  if (items.length < 2) return Buffer.concat([head, mutateBytes(value, dice)]);
  return Buffer.concat([head, dice.pick(CHANGES)(items, dice)]);
}

/** The Basic Offset Table, then the fragments. */
function itemsOf(value: Buffer): Buffer[] {
  const items: Buffer[] = [];
  for (
    let at = 0;
    at + 8 <= value.length && value.readUInt32LE(at) === 0xe000fffe;
    at += 8 + value.readUInt32LE(at + 4)
  )
    items.push(value.subarray(at + 8, at + 8 + value.readUInt32LE(at + 4)));
  return items;
}

function item(value: Buffer, length = value.length): Buffer {
  const head = Buffer.from('feff00e000000000', 'hex');
  head.writeUInt32LE(length >>> 0, 4);
  return Buffer.concat([head, value]);
}
const END = Buffer.from('feffdde000000000', 'hex');
const written = (items: readonly Buffer[]): Buffer => Buffer.concat([...items.map((one) => item(one)), END]);
const table = (...offsets: number[]): Buffer => Buffer.from(new Uint32Array(offsets).buffer);

/** Markers of the JPEG family and of JPEG 2000 begin the headers, which decoders believe. */
const HEADER_BYTES = 160;

type Change = (items: readonly Buffer[], dice: Dice) => Buffer;
const onFragment =
  (change: (fragment: Buffer, dice: Dice) => Buffer): Change =>
  (items, dice) => {
    const chosen = dice.whole(1, items.length - 1);
    return written(items.map((one, index) => (index === chosen ? change(one, dice) : one)));
  };

const CHANGES: readonly Change[] = [
  onFragment((fragment, dice) => mutateBytes(fragment, dice)),
  onFragment((fragment, dice) => mutateBytes(fragment, dice, HEADER_BYTES)),
  onFragment((fragment, dice) => {
    const changed = Buffer.from(fragment);
    for (let times = dice.few(12); times > 0 && changed.length > HEADER_BYTES; times--)
      changed[dice.whole(HEADER_BYTES, changed.length - 1)] = dice.whole(0, 255);
    return changed;
  }),
  onFragment((fragment, dice) => fragment.subarray(0, dice.whole(0, fragment.length))),
  onFragment((fragment, dice) =>
    Buffer.concat([fragment, dice.chance(0.5) ? dice.bytes(dice.few(9)) : Buffer.alloc(dice.few(9))]),
  ),
  onFragment((fragment, dice) => Buffer.concat([Buffer.alloc(dice.few(4)), fragment])),
  onFragment((fragment, dice) => {
    const [from, to] = [dice.whole(0, fragment.length), dice.whole(0, fragment.length)];
    const changed = Buffer.from(fragment);
    changed.copy(changed, to, from, from + dice.few(2_000));
    return changed;
  }),
  onFragment((fragment, dice) => dice.bytes(Math.min(fragment.length, dice.few(4_000)))),
  ([offsets, ...fragments], dice) => {
    const joined = Buffer.concat(fragments);
    const at = dice.whole(0, joined.length);
    return written([offsets!, joined.subarray(0, at), joined.subarray(at)]);
  },
  ([, ...fragments], dice) =>
    written([
      table(...Array.from({ length: dice.few(5) }, () => dice.pick([0, 2, 8, 1 << 20, 0xffffffff]))),
      ...fragments,
    ]),
  (items, dice) => {
    const chosen = dice.whole(0, items.length - 1);
    const lengths = [0, 1, 0x7fffffff, 0xffffffff, items[chosen]!.length + 1, items[chosen]!.length - 1];
    return Buffer.concat([
      ...items.map((one, index) => item(one, index === chosen ? dice.pick(lengths) : one.length)),
      END,
    ]);
  },
  (items, dice) => written(dice.chance(0.5) ? items.slice(0, -1) : [...items, ...items.slice(1)]),
  (items) => written(items).subarray(0, -8),
  (items, dice) => Buffer.concat([written(items), dice.bytes(dice.few(32))]),
];

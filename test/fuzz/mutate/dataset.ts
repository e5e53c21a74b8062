/** Changes of a dataset that know its structure: element headers, VR letters, lengths, UIDs, sequences, numbers, Pixel Data. */
import type { Dice } from '../dice.ts';
import { mutateBytes } from './bytes.ts';
import { type Encoding, elementBytes, elementsOf, type Place, UNDEFINED_LENGTH, writeNumber } from './elements.ts';
import { hostileValue } from './hostileText.ts';
import { mutatePixelData } from './pixelData.ts';

const VRS = (
  'AE AS AT CS DA DS DT FL FD IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV ' +
  'ox ZZ  \0\0 Qq OZ'
).split(' ');
const LENGTHS = [
  0,
  1,
  2,
  3,
  7,
  8,
  0x7fff,
  0xfffe,
  0xffff,
  0x10000,
  0x7fffffff,
  0x80000000,
  0xfffffffe,
  UNDEFINED_LENGTH,
];
const NUMBERS = [0, 1, 2, 7, 8, 12, 15, 16, 17, 32, 255, 256, 511, 4095, 32_767, 32_768, 65_534, 65_535];
/** What the analysis believes: those are changed more often than the rest. */
const BELIEVED = [
  0x00080005, 0x00080008, 0x00080016, 0x00080018, 0x00080060, 0x00180050, 0x00180088, 0x0020000d, 0x0020000e,
  0x00200013, 0x00200032, 0x00200037, 0x00200052, 0x00280002, 0x00280004, 0x00280008, 0x00280010, 0x00280011,
  0x00280030, 0x00280100, 0x00280101, 0x00280102, 0x00280103, 0x00280120, 0x00280121, 0x00281052, 0x00281053,
  0x00281054, 0x52009229, 0x52009230, 0x7fe00001, 0x7fe00002, 0x7fe00010,
];

type Change = (bytes: Buffer, places: readonly Place[], encoding: Encoding, dice: Dice) => Buffer;

/** One to a few changes. Pixel Data is changed in half of all calls. */
export function mutateDataset(bytes: Buffer, encoding: Encoding, dice: Dice): Buffer {
  let changed = bytes;
  for (let times = dice.few(5); times > 0; times--) {
    const places = elementsOf(changed, encoding);
    const pixelData = places.find(({ tag }) => tag === 0x7fe00010);
    if (pixelData !== undefined && dice.chance(0.4)) changed = mutatePixelData(changed, pixelData, dice);
    else if (places.length > 0) changed = dice.pick(CHANGES)(changed, places, encoding, dice);
  }
  return changed;
}

const one = (places: readonly Place[], dice: Dice): Place => {
  const believed = places.filter(({ tag }) => BELIEVED.includes(tag));
  return dice.pick(believed.length > 0 && dice.chance(0.6) ? believed : places);
};
const endOf = ({ valueAt, length }: Place, bytes: Buffer): number =>
  length === UNDEFINED_LENGTH ? valueAt : Math.min(bytes.length, valueAt + length);
const spliced = (bytes: Buffer, from: number, to: number, ...put: Buffer[]): Buffer =>
  Buffer.concat([bytes.subarray(0, from), ...put, bytes.subarray(to)]);
const nested = (encoding: Encoding, depth: number, closed: boolean): Buffer => {
  const open = Buffer.concat([
    elementBytes(encoding, 0x00081140, 'SQ', Buffer.alloc(0), UNDEFINED_LENGTH),
    elementBytes(encoding, 0xfffee000, '', Buffer.alloc(0), UNDEFINED_LENGTH),
  ]);
  const close = Buffer.concat([0xfffee00d, 0xfffee0dd].map((tag) => elementBytes(encoding, tag, '', Buffer.alloc(0))));
  return Buffer.concat([...Array(depth).fill(open), ...(closed ? Array(depth).fill(close) : [])]);
};

const CHANGES: readonly Change[] = [
  function length(bytes, places, encoding, dice) {
    const [changed, { lengthAt, lengthBytes, length: real }] = [Buffer.from(bytes), one(places, dice)];
    const near = real + dice.pick([-2, -1, 1, 2, 100]);
    writeNumber(changed, encoding, lengthAt, lengthBytes, dice.chance(0.4) ? near : dice.pick(LENGTHS));
    return changed;
  },
  function vr(bytes, places, encoding, dice) {
    const [changed, place] = [Buffer.from(bytes), one(places, dice)];
    if (encoding !== 'implicit') changed.write(dice.pick(VRS), place.at + 4, 2, 'latin1');
    return changed;
  },
  function tag(bytes, places, encoding, dice) {
    const [changed, place] = [Buffer.from(bytes), one(places, dice)];
    const put = dice.chance(0.3)
      ? dice.whole(0, 0xffffffff)
      : dice.pick([...BELIEVED, 0xfffee000, 0xfffee00d, 0xfffee0dd]);
    writeNumber(changed, encoding, place.at, 2, put >>> 16);
    writeNumber(changed, encoding, place.at + 2, 2, put & 0xffff);
    return changed;
  },
  function remove(bytes, places, _encoding, dice) {
    const place = one(places, dice);
    return spliced(bytes, place.at, endOf(place, bytes));
  },
  function repeat(bytes, places, _encoding, dice) {
    const [place, at] = [one(places, dice), one(places, dice).at];
    return spliced(bytes, at, at, bytes.subarray(place.at, endOf(place, bytes)));
  },
  function text(bytes, places, encoding, dice) {
    const [place, value] = [one(places, dice), hostileValue(dice)];
    const even = value.length % 2 === 0 || dice.chance(0.2) ? value : Buffer.concat([value, Buffer.from(' ')]);
    return spliced(bytes, place.at, endOf(place, bytes), elementBytes(encoding, place.tag, place.vr ?? 'LO', even));
  },
  function number(bytes, places, encoding, dice) {
    const [changed, place] = [Buffer.from(bytes), one(places, dice)];
    writeNumber(changed, encoding, place.valueAt, 2, dice.pick(NUMBERS));
    return changed;
  },
  function numberText(bytes, places, encoding, dice) {
    const place = one(places, dice);
    const value = Array.from({ length: dice.few(6) }, () =>
      dice.pick(['0', '-1', '1e30', '0.0001', '512', '-1024', 'x', '']),
    );
    const text = Buffer.from(
      value.join('\\').padEnd(value.join('\\').length % 2 === 0 ? 0 : value.join('\\').length + 1),
    );
    return spliced(bytes, place.at, endOf(place, bytes), elementBytes(encoding, place.tag, place.vr ?? 'DS', text));
  },
  function nest(bytes, places, encoding, dice) {
    const { at } = one(places, dice);
    return spliced(bytes, at, at, nested(encoding, dice.few(4_000), dice.chance(0.5)));
  },
  function delimiter(bytes, places, encoding, dice) {
    const { at } = one(places, dice);
    const tag = dice.pick([0xfffee000, 0xfffee00d, 0xfffee0dd]);
    return spliced(
      bytes,
      at,
      at,
      elementBytes(encoding, tag, '', Buffer.alloc(0), dice.pick([0, 0, 8, UNDEFINED_LENGTH])),
    );
  },
  function odd(bytes, places, encoding, dice) {
    const { at } = one(places, dice);
    const tag = dice.chance(0.5) ? dice.pick(BELIEVED) : 0x00091000 + dice.whole(0, 255);
    return spliced(bytes, at, at, elementBytes(encoding, tag, dice.pick(VRS), dice.bytes(2 * dice.few(16))));
  },
  function cut(bytes, places, _encoding, dice) {
    const { at, valueAt } = one(places, dice);
    return bytes.subarray(0, dice.pick([at, at + 4, at + 7, valueAt, valueAt + 1]));
  },
  function reorder(bytes, places, _encoding, dice) {
    const place = one(places, dice);
    const element = bytes.subarray(place.at, endOf(place, bytes));
    return Buffer.concat([spliced(bytes, place.at, endOf(place, bytes)), element]);
  },
  (bytes, places, _encoding, dice) => mutateBytes(bytes, dice, places.at(-1)!.valueAt),
];

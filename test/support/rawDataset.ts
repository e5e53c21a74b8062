/** Datasets written byte by byte, in forms that devices send and that toolkits like to change. */
import { deflateRawSync } from 'node:zlib';

export type Syntax = 'implicit' | 'explicit' | 'big-endian';
type Value = Buffer | string;
/** One element as bytes. @param length what the length field says when not the value's own length */
export type Writer = {
  element(tag: number, vr: string, value: Value, length?: number): Buffer;
  item(value: Buffer, length?: number): Buffer;
  delimiter(tag: 0xfffee00d | 0xfffee0dd): Buffer;
};

export const UNDEFINED_LENGTH = 0xffffffff;
const LONG = new Set('OB OW OF OD OL OV SQ SV UN UC UR UT UV'.split(' '));

export function writerFor(syntax: Syntax): Writer {
  const numbers = (bits: 16 | 32, value: number): Buffer => {
    const bytes = Buffer.alloc(bits / 8);
    if (bits === 16) syntax === 'big-endian' ? bytes.writeUInt16BE(value) : bytes.writeUInt16LE(value);
    else syntax === 'big-endian' ? bytes.writeUInt32BE(value) : bytes.writeUInt32LE(value);
    return bytes;
  };
  const tagBytes = (tag: number) => Buffer.concat([numbers(16, tag >>> 16), numbers(16, tag & 0xffff)]);
  return {
    element(tag, vr, value, length) {
      const bytes = typeof value === 'string' ? padded(value, vr) : value;
      const declared = length ?? bytes.length;
      if (syntax === 'implicit') return Buffer.concat([tagBytes(tag), numbers(32, declared), bytes]);
      const head = LONG.has(vr)
        ? [Buffer.from(`${vr}\0\0`), numbers(32, declared)]
        : [Buffer.from(vr), numbers(16, declared)];
      return Buffer.concat([tagBytes(tag), ...head, bytes]);
    },
    item: (value, length) => Buffer.concat([tagBytes(0xfffee000), numbers(32, length ?? value.length), value]),
    delimiter: (tag) => Buffer.concat([tagBytes(tag), numbers(32, 0)]),
  };
}

function padded(text: string, vr: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  return bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.from(vr === 'UI' ? '\0' : ' ')]);
}

export type Identity = {
  readonly study: string;
  readonly series: string;
  readonly instance: string;
  readonly sopClass: string;
};

/** Optional parts, by tag, that go among the identifying elements. */
export type Extra = readonly (readonly [tag: number, bytes: Buffer])[];

/** The elements that identify an instance, and others, in order of their tags. */
export function datasetOf(syntax: Syntax, identity: Identity, extra: Extra = []): Buffer {
  const { element } = writerFor(syntax);
  const parts: (readonly [number, Buffer])[] = [
    [0x00080016, element(0x00080016, 'UI', identity.sopClass)],
    [0x00080018, element(0x00080018, 'UI', identity.instance)],
    [0x00080060, element(0x00080060, 'CS', 'CT')],
    [0x0020000d, element(0x0020000d, 'UI', identity.study)],
    [0x0020000e, element(0x0020000e, 'UI', identity.series)],
    ...extra,
  ];
  return Buffer.concat(parts.sort(([one], [other]) => one - other).map(([, bytes]) => bytes));
}

/** An ordinary CT of `pixelBytes`, every byte different from its neighbours. */
export function plainCt(identity: Identity, pixelBytes = 1_000): Buffer {
  const pixels = Buffer.from(Array.from({ length: pixelBytes }, (_, index) => (index * 31 + (index >> 8)) & 0xff));
  const { element } = writerFor('explicit');
  return datasetOf('explicit', identity, [[0x7fe00010, element(0x7fe00010, 'OW', pixels)]]);
}

export type Tricky = { readonly name: string; readonly transferSyntaxUid: string; dataset(identity: Identity): Buffer };

const SYNTAXES: readonly (readonly [string, Syntax])[] = [
  ['1.2.840.10008.1.2', 'implicit'],
  ['1.2.840.10008.1.2.1', 'explicit'],
  ['1.2.840.10008.1.2.2', 'big-endian'],
];
const ENCAPSULATED = ['5', '4.57', '4.70', '4.80', '4.81', '4.90', '4.91', '4.201', '4.202', '4.203'].map(
  (end) => `1.2.840.10008.1.2.${end}`,
);

/** Every odd form in every transfer syntax that can hold it. */
export const TRICKY: readonly Tricky[] = [
  ...SYNTAXES.flatMap(([transferSyntaxUid, syntax]) =>
    Object.entries(oddities(syntax)).map(([name, extra]) => ({
      name,
      transferSyntaxUid,
      dataset: (identity: Identity) => datasetOf(syntax, identity, extra),
    })),
  ),
  {
    name: 'everything odd at once, deflated',
    transferSyntaxUid: '1.2.840.10008.1.2.1.99',
    dataset: (identity) =>
      evenly(deflateRawSync(datasetOf('explicit', identity, Object.values(oddities('explicit')).flat()), { level: 1 })),
  },
  ...ENCAPSULATED.map((transferSyntaxUid) => ({
    name: 'many fragments, empty ones among them, and a trailing private element',
    transferSyntaxUid,
    dataset: (identity: Identity) => datasetOf('explicit', identity, fragments()),
  })),
];

const evenly = (bytes: Buffer): Buffer => (bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(1)]));

function oddities(syntax: Syntax): Record<string, Extra> {
  const { element, item, delimiter } = writerFor(syntax);
  const itemEnd = delimiter(0xfffee00d);
  const sequenceEnd = delimiter(0xfffee0dd);
  const utf8Name = element(0x00100010, 'PN', 'Yamada^Tarou=山田^太郎=やまだ^たろう');
  const iso2022Name = element(
    0x00100010,
    'PN',
    Buffer.from('Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B ', 'latin1'),
  );
  const inImplicit = writerFor('implicit');
  const privateUn = Buffer.concat([
    inImplicit.item(
      Buffer.concat([
        inImplicit.element(0x00110010, 'LO', 'ACME'),
        inImplicit.element(
          0x00111002,
          'UN',
          Buffer.concat([
            inImplicit.item(inImplicit.element(0x00080100, 'SH', 'DEEP')),
            inImplicit.delimiter(0xfffee0dd),
          ]),
          UNDEFINED_LENGTH,
        ),
        inImplicit.delimiter(0xfffee00d),
      ]),
      UNDEFINED_LENGTH,
    ),
    inImplicit.delimiter(0xfffee0dd),
  ]);
  return {
    'private tags, a private creator and odd private groups': [
      [0x00090010, element(0x00090010, 'LO', 'GEMS_IDEN_01')],
      [0x00091001, element(0x00091001, 'LO', 'GE_GENESIS_FF')],
      [0x00091027, element(0x00091027, 'SL', Buffer.from([1, 2, 3, 4]))],
      [0x00431010, element(0x00431010, 'UN', Buffer.from([0xff, 0, 0xfe, 0xff, 0x0d, 0xe0, 0, 0]))],
    ],
    ...(syntax === 'big-endian'
      ? {}
      : {
          'UN of undefined length with nested sequences, Pixel Data behind it': [
            [0x00110010, element(0x00110010, 'LO', 'ACME')],
            [0x00111001, element(0x00111001, 'UN', privateUn, UNDEFINED_LENGTH)],
            [0x7fe00010, element(0x7fe00010, 'OW', Buffer.alloc(500, 7))],
          ] as Extra,
        }),
    'UTF-8 names, also in sequence items': [
      [0x00080005, element(0x00080005, 'CS', 'ISO_IR 192')],
      [0x00081110, element(0x00081110, 'SQ', item(utf8Name))],
      [0x00100010, utf8Name],
    ],
    'ISO 2022 names, in items of undefined length': [
      [0x00080005, element(0x00080005, 'CS', '\\ISO 2022 IR 87')],
      [
        0x00081110,
        element(
          0x00081110,
          'SQ',
          Buffer.concat([item(Buffer.concat([iso2022Name, itemEnd]), UNDEFINED_LENGTH), sequenceEnd]),
          UNDEFINED_LENGTH,
        ),
      ],
      [0x00100010, iso2022Name],
    ],
    'numbers written oddly': [
      [0x00180050, element(0x00180050, 'DS', ' +5.00000E+00 ')],
      [0x00200013, element(0x00200013, 'IS', '  0007  ')],
      [0x00200032, element(0x00200032, 'DS', '-0.0\\ 1.e1 \\ +.5')],
      [0x00281053, element(0x00281053, 'DS', '1.000000000000000')],
    ],
    'group lengths, retired as they are': [
      [0x00080000, element(0x00080000, 'UL', Buffer.from([0xaa, 0, 0, 0]))],
      [0x00200000, element(0x00200000, 'UL', Buffer.from([0xbb, 0, 0, 0]))],
    ],
    'sequences of explicit length, an empty one and an empty item': [
      [
        0x00081115,
        element(0x00081115, 'SQ', Buffer.concat([item(Buffer.alloc(0)), item(element(0x00080100, 'SH', 'A'))])),
      ],
      [0x00081140, element(0x00081140, 'SQ', Buffer.alloc(0))],
      [0x00082112, element(0x00082112, 'SQ', sequenceEnd, UNDEFINED_LENGTH)],
    ],
  };
}

/** An empty Basic Offset Table, fragments of many sizes (two of them empty), and data set trailing padding. */
function fragments(): Extra {
  const { element, item, delimiter } = writerFor('explicit');
  const sizes = [0, 2, 20_002, 0, 70_000, 4];
  const value = Buffer.concat([
    item(Buffer.alloc(0)),
    ...sizes.map((size, index) => item(Buffer.alloc(size, index + 1))),
    delimiter(0xfffee0dd),
  ]);
  return [
    [0x7fe00010, element(0x7fe00010, 'OB', value, UNDEFINED_LENGTH)],
    [0xfffcfffc, element(0xfffcfffc, 'OB', Buffer.alloc(6))],
  ];
}

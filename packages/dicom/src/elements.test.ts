import { IchorError } from '@ichor/shared/errors';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Syntax, UNDEFINED_LENGTH, writerFor } from '../../../test/support/rawDataset.ts';
import { type Dataset, parseDataset, readDataset } from './dataset.ts';

const SYNTAXES: readonly (readonly [string, Syntax])[] = [
  ['1.2.840.10008.1.2', 'implicit'],
  ['1.2.840.10008.1.2.1', 'explicit'],
  ['1.2.840.10008.1.2.2', 'big-endian'],
];
const EXPLICIT = '1.2.840.10008.1.2.1';
const JPEG_LOSSLESS = '1.2.840.10008.1.2.4.70';
const { element, item, delimiter } = writerFor('explicit');
const ITEM_END = delimiter(0xfffee00d);
const SEQUENCE_END = delimiter(0xfffee0dd);

const whole = (bytes: Uint8Array, transferSyntaxUid = EXPLICIT): Promise<Dataset> =>
  readDataset([bytes], transferSyntaxUid, 'count');
const read = (...elements: Buffer[]): Dataset => parseDataset(Buffer.concat(elements), EXPLICIT);
const unreadable = expect.objectContaining({ code: 'DATASET_UNREADABLE' });
const reasonFor = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'it was read',
    (error: unknown) => (error instanceof IchorError ? String(error.facts['reason']) : String(error)),
  );

/** The elements of one level, one of each form that may be cut. */
function forms(syntax: Syntax, pixelData: (write: ReturnType<typeof writerFor>) => Buffer): Buffer[] {
  const write = writerFor(syntax);
  const code = write.element(0x00080100, 'SH', 'CODE');
  const open = Buffer.concat([write.item(Buffer.concat([code, write.delimiter(0xfffee00d)]), UNDEFINED_LENGTH)]);
  return [
    write.element(0x00080018, 'UI', '1.2.3'),
    write.element(0x00081110, 'SQ', Buffer.concat([write.item(code), open])),
    write.element(0x00081115, 'SQ', Buffer.concat([open, write.delimiter(0xfffee0dd)]), UNDEFINED_LENGTH),
    write.element(0x00091001, 'OB', Buffer.alloc(10, 7)),
    write.element(0x00104000, 'LT', 'a comment'),
    write.element(0x00280010, 'US', Buffer.alloc(2, 1)),
    pixelData(write),
    write.element(0xfffafffa, 'SQ', write.item(code)),
    write.element(0xfffcfffc, 'OB', Buffer.alloc(8, 1)),
  ];
}
const native = (write: ReturnType<typeof writerFor>): Buffer => write.element(0x7fe00010, 'OW', Buffer.alloc(30, 5));
const encapsulated = (write: ReturnType<typeof writerFor>): Buffer =>
  write.element(
    0x7fe00010,
    'OB',
    Buffer.concat([write.item(Buffer.alloc(0)), write.item(Buffer.alloc(12, 9)), write.delimiter(0xfffee0dd)]),
    UNDEFINED_LENGTH,
  );

describe('a dataset that ends early is refused, wherever it was cut', () => {
  test.each([
    ...SYNTAXES.map(([uid, syntax]) => ({ uid, syntax, pixelData: native })),
    { uid: JPEG_LOSSLESS, syntax: 'explicit' as const, pixelData: encapsulated },
  ])('$uid', async ({ uid, syntax, pixelData }) => {
    const parts = forms(syntax, pixelData);
    const bytes = Buffer.concat(parts);
    expect((await whole(bytes, uid)).text('SOPInstanceUID')).toBe('1.2.3');
    const borders = parts.map((_part, index) => Buffer.concat(parts.slice(0, index)).length);
    for (let length = 1; length < bytes.length; length++) {
      const border = borders.findLast((one) => one <= length)!;
      const endsWhole = bytes.subarray(border, length).every((byte) => byte === 0);
      if (endsWhole) await expect(whole(bytes.subarray(0, length), uid)).resolves.toBeDefined();
      else await expect(whole(bytes.subarray(0, length), uid)).rejects.toEqual(unreadable);
    }
  });
  test('and the reason names the element', async () => {
    const cut = element(0x7fe00010, 'OW', Buffer.alloc(10), 64);
    expect(await reasonFor(whole(cut))).toBe(
      'element (7FE0,0010) ends beyond the data: 64 bytes, of which 10 are there',
    );
    const inner = element(0x00080100, 'SH', 'CODE', 60);
    expect(await reasonFor(whole(element(0x00081110, 'SQ', item(inner))))).toBe(
      'in (0008,1110) element (0008,0100) ends beyond the data: 60 bytes, of which 4 are there',
    );
  });
  test('the beginning of a file may end in Pixel Data or behind it, and nowhere else', () => {
    const parts = forms('explicit', native);
    const bytes = Buffer.concat(parts);
    const pixelData = Buffer.concat(parts.slice(0, 6)).length;
    for (let length = pixelData + 12; length < bytes.length; length++)
      expect(parseDataset(bytes.subarray(0, length), EXPLICIT).number('Rows')).toBe(257);
    expect(() => parseDataset(bytes.subarray(0, pixelData - 1), EXPLICIT)).toThrow(unreadable);
    expect(parseDataset(bytes.subarray(0, pixelData + 20), EXPLICIT).pixelData()).toMatchObject({
      declaredLength: 30,
      bytes: Buffer.alloc(8, 5),
    });
  });
});

test('a dataset in pieces reads as it does in one', async () => {
  const bytes = Buffer.concat(forms('explicit', encapsulated));
  const expected = await whole(bytes, JPEG_LOSSLESS);
  const cuts = fc.array(fc.nat(bytes.length), { maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(cuts, async (at) => {
      const borders = [0, ...at.toSorted((one, other) => one - other), bytes.length];
      const pieces = borders.slice(1).map((end, index) => bytes.subarray(borders[index], end));
      const dataset = await readDataset(pieces, JPEG_LOSSLESS, 'count');
      expect(dataset.text('PatientComments')).toBe('a comment');
      expect(dataset.items('ReferencedStudySequence').map((one) => one.text('CodeValue'))).toEqual(['CODE', 'CODE']);
      expect(dataset.pixelData()).toEqual(expected.pixelData());
    }),
  );
});

describe('value representations', () => {
  const after = element(0x00290020, 'LO', 'AFTER');
  /** An element whose length field has 32 bits. */
  const long = (vr: string, value: Buffer): Buffer => {
    const head = Buffer.from([0x29, 0, 0x10, 0, ...Buffer.from(vr, 'latin1'), 0, 0, 0, 0, 0, 0]);
    head.writeUInt32LE(value.length, 8);
    return Buffer.concat([head, value]);
  };
  /** An element whose length field has 16 bits. */
  const short = (vr: string, value: Buffer): Buffer =>
    Buffer.concat([Buffer.from([0x29, 0, 0x10, 0, ...Buffer.from(vr, 'latin1'), value.length, 0]), value]);

  test.each(['OV', 'SV', 'UV', 'OD', 'OF', 'OL', 'UC', 'UR', 'UT', 'XY', 'QQ'])(
    '%s has a length of 32 bits, and what follows is read',
    async (vr) => {
      const dataset = await whole(Buffer.concat([long(vr, Buffer.alloc(16, 1)), after]));
      expect([dataset.has('x00290010'), dataset.text('x00290020')]).toEqual([true, 'AFTER']);
    },
  );
  test.each(['??', '  ', '--', '\0\0', 'ab'])(
    'what stands for one that a writer did not know (%j) has 16',
    async (vr) => {
      const dataset = await whole(Buffer.concat([short(vr, Buffer.from('WORD')), after]));
      expect([dataset.text('x00290010'), dataset.text('x00290020')]).toEqual(['WORD', 'AFTER']);
    },
  );
  test('UV and SV are numbers', () => {
    const value = Buffer.alloc(16);
    value.writeBigInt64LE(12_345_678_901n);
    value.writeBigInt64LE(-5n, 8);
    expect(read(long('SV', value)).numbers('x00290010')).toEqual([12_345_678_901, -5]);
    expect(read(long('UV', value.subarray(0, 8))).number('x00290010')).toBe(12_345_678_901);
  });
  test('a backslash divides values, except in long texts', () => {
    const dataset = read(element(0x00080008, 'CS', 'A\\B'), element(0x00104000, 'LT', 'C:\\scan'));
    expect([dataset.texts('ImageType'), dataset.texts('PatientComments')]).toEqual([['A', 'B'], ['C:\\scan']]);
  });
  test('padding is taken off, be it blanks or NULs', () => {
    const dataset = read(
      element(0x00080050, 'SH', 'A1\0\0 \0'),
      element(0x00080060, 'CS', '\0\0'),
      element(0x00080070, 'LO', '  GE \\ B\0'),
    );
    expect([dataset.text('AccessionNumber'), dataset.text('Modality')]).toEqual(['A1', null]);
    expect(dataset.texts('Manufacturer')).toEqual(['GE', 'B']);
  });
  test.each(['0x10', 'Infinity', '1,5', '1e', '12 mm', '.'])('"%s" is no decimal string', (text) => {
    expect(read(element(0x00180050, 'DS', text)).number('SliceThickness')).toBeNull();
  });
});

describe('sequences', () => {
  const inImplicit = writerFor('implicit');
  const implicitItem = inImplicit.item(inImplicit.element(0x00080100, 'SH', 'DEEP'));
  const deep = (dataset: Dataset): unknown => dataset.items('x00091001')[0]?.text('CodeValue');
  test('UN of undefined length holds Implicit VR, and the elements behind it are read', async () => {
    const unknown = Buffer.concat([implicitItem, SEQUENCE_END]);
    for (const [uid, syntax] of SYNTAXES) {
      const write = writerFor(syntax);
      if (syntax === 'big-endian') continue;
      const bytes = [write.element(0x00091001, 'UN', unknown, UNDEFINED_LENGTH), write.element(0x00100020, 'LO', 'ID')];
      const dataset = await whole(Buffer.concat(bytes), uid);
      expect([deep(dataset), dataset.text('PatientID')]).toEqual(['DEEP', 'ID']);
    }
  });
  test('UN of defined length may be a sequence, and may be anything', async () => {
    expect(deep(await whole(element(0x00091001, 'UN', implicitItem)))).toBe('DEEP');
    const onlyLooksLikeOne = Buffer.concat([implicitItem.subarray(0, 12), Buffer.alloc(3)]);
    expect((await whole(element(0x00091001, 'UN', onlyLooksLikeOne))).items('x00091001')).toEqual([]);
  });
  test('a delimiter too many is no matter', async () => {
    const code = element(0x00080100, 'SH', 'CODE');
    const sequence = Buffer.concat([item(Buffer.concat([code, ITEM_END])), SEQUENCE_END]);
    const dataset = await whole(
      Buffer.concat([element(0x00081110, 'SQ', sequence), SEQUENCE_END, element(0x00100020, 'LO', 'ID')]),
    );
    expect([dataset.items('ReferencedStudySequence')[0]!.text('CodeValue'), dataset.text('PatientID')]).toEqual([
      'CODE',
      'ID',
    ]);
  });
  test('an element before the sequence that holds the same tag keeps its own value', () => {
    const dataset = read(
      element(0x00080018, 'UI', '1.2'),
      element(0x00081110, 'SQ', item(element(0x00080018, 'UI', '9'))),
    );
    expect(dataset.text('SOPInstanceUID')).toBe('1.2');
  });
  test('more elements than any device writes are refused', async () => {
    const many = Buffer.alloc(8 * 1_000_100);
    for (let at = 0; at < many.length; at += 8) many.writeUInt32LE(0x00080008, at);
    expect(await reasonFor(whole(many, '1.2.840.10008.1.2'))).toBe('it has more than 1000000 elements');
    for (let at = 0; at < many.length; at += 8)
      many.writeUInt32LE(((at / 8) % 0x8000) + 0x10000 * ((at >> 18) % 0x8000), at);
    expect(await reasonFor(whole(many, '1.2.840.10008.1.2'))).toBe('it has more than 65536 elements in one level');
  });
});

describe('odd datasets are read all the same', () => {
  test('elements out of order, also behind Pixel Data; the first of two with one tag counts', () => {
    const dataset = read(
      element(0x00280011, 'US', Buffer.from([3, 0])),
      element(0x00280010, 'US', Buffer.from([2, 0])),
      element(0x7fe00010, 'OW', Buffer.alloc(4)),
      element(0x00280010, 'US', Buffer.from([9, 0])),
      element(0x00281052, 'DS', '-1024'),
    );
    expect([dataset.number('Rows'), dataset.number('Columns'), dataset.number('RescaleIntercept')]).toEqual([
      2, 3, -1024,
    ]);
  });
  test('values of odd length, group lengths, and zeros at the end', async () => {
    const odd = element(0x00100020, 'LO', Buffer.from('ODD'));
    const bytes = Buffer.concat([element(0x00100000, 'UL', Buffer.alloc(4)), odd, element(0x00200010, 'SH', 'ST')]);
    for (const zeros of [0, 1, 7, 8, 24, 512]) {
      const dataset = await whole(Buffer.concat([bytes, Buffer.alloc(zeros)]));
      expect([dataset.text('PatientID'), dataset.text('StudyID')]).toEqual(['ODD', 'ST']);
    }
  });
});

describe('the Extended Offset Table', () => {
  const integers = (...values: number[]): Buffer => {
    const bytes = Buffer.alloc(8 * values.length);
    for (const [index, value] of values.entries()) bytes.writeBigUInt64LE(BigInt(value), 8 * index);
    return bytes;
  };
  const fragments = element(
    0x7fe00010,
    'OB',
    Buffer.concat([item(Buffer.alloc(0)), item(Buffer.from('abcd')), item(Buffer.from('ef')), SEQUENCE_END]),
    UNDEFINED_LENGTH,
  );
  const table = element(0x7fe00001, 'OV', integers(0, 12));
  test('gives offset and length of each frame', async () => {
    const dataset = await whole(Buffer.concat([table, element(0x7fe00002, 'OV', integers(4, 2)), fragments]));
    expect(dataset.pixelData()).toMatchObject({
      basicOffsetTable: [],
      extendedOffsetTable: [
        { offset: 0, lengthBytes: 4 },
        { offset: 12, lengthBytes: 2 },
      ],
      fragments: [{ offset: 0 }, { offset: 12 }],
    });
  });
  test('of another length than its table of lengths gives offsets alone', () => {
    expect(read(table, element(0x7fe00002, 'OV', integers(4)), fragments).pixelData()).toMatchObject({
      extendedOffsetTable: [
        { offset: 0, lengthBytes: null },
        { offset: 12, lengthBytes: null },
      ],
    });
    expect(read(fragments).pixelData()).not.toHaveProperty('extendedOffsetTable');
  });
});

import { deflateRawSync } from 'node:zlib';
import { IchorError } from '@ichor/shared/errors';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Dataset, parseDataset } from './dataset.ts';
import { part10Header } from './part10.ts';
import { readPart10 } from './readPart10.ts';

const IMPLICIT = '1.2.840.10008.1.2';
const EXPLICIT = '1.2.840.10008.1.2.1';
const BIG_ENDIAN = '1.2.840.10008.1.2.2';
const DEFLATED = '1.2.840.10008.1.2.1.99';
const UNDEFINED_LENGTH = 0xffffffff;

/** Explicit VR Little Endian (PS3.5 §7.1.2). */
function element(tag: number, vr: string, value: Buffer | string, length?: number): Buffer {
  const text = typeof value === 'string' ? Buffer.from(value, 'latin1') : value;
  const bytes = text.length % 2 === 0 ? text : Buffer.concat([text, Buffer.from(vr === 'UI' ? '\0' : ' ')]);
  const long = ['OB', 'OW', 'SQ', 'UN', 'UT'].includes(vr);
  const head = Buffer.alloc(long ? 12 : 8);
  head.writeUInt16LE(tag >>> 16, 0);
  head.writeUInt16LE(tag & 0xffff, 2);
  head.write(vr, 4, 'latin1');
  if (long) head.writeUInt32LE(length ?? bytes.length, 8);
  else head.writeUInt16LE(bytes.length, 6);
  return Buffer.concat([head, bytes]);
}

function item(value: Buffer, tag = 0xfffee000, length = value.length): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16LE(tag >>> 16, 0);
  head.writeUInt16LE(tag & 0xffff, 2);
  head.writeUInt32LE(length, 4);
  return Buffer.concat([head, value]);
}
const NOTHING = Buffer.alloc(0);
const ITEM_END = item(NOTHING, 0xfffee00d);
const SEQUENCE_END = item(NOTHING, 0xfffee0dd);

const read = (...elements: Buffer[]): Dataset => parseDataset(Buffer.concat(elements), EXPLICIT);

const SAMPLE = Buffer.concat([
  element(0x00080005, 'CS', 'ISO_IR 100'),
  element(0x00080008, 'CS', 'ORIGINAL\\PRIMARY\\AXIAL'),
  element(0x00081110, 'SQ', item(element(0x00081150, 'UI', '1.2.3'))),
  element(0x00100010, 'PN', 'M\xfcller^J\xf6rg'),
  element(0x00200032, 'DS', '-1.5\\2e1\\ 3 '),
  element(0x00280010, 'US', Buffer.from([2, 0])),
  element(0x00280120, 'SS', Buffer.from([0x30, 0xf8])),
  element(
    0x52009230,
    'SQ',
    Buffer.concat([
      item(Buffer.concat([element(0x00209113, 'SQ', NOTHING), ITEM_END]), 0xfffee000, UNDEFINED_LENGTH),
      SEQUENCE_END,
    ]),
    UNDEFINED_LENGTH,
  ),
  element(0x7fe00010, 'OW', Buffer.alloc(8, 5)),
]);

/** Everything that the programs ask of a dataset. */
function touch(dataset: Dataset, depth = 0): void {
  for (const tag of [
    'SpecificCharacterSet',
    'ImageType',
    'PatientName',
    'ImagePositionPatient',
    'Rows',
    'PixelPaddingValue',
  ] as const) {
    dataset.text(tag);
    dataset.texts(tag);
    dataset.number(tag, 'US');
    dataset.numbers(tag);
    dataset.has(tag);
  }
  if (depth < 3)
    for (const tag of ['ReferencedStudySequence', 'PerFrameFunctionalGroupsSequence', 'PlanePositionSequence'] as const)
      for (const one of dataset.items(tag)) touch(one, depth + 1);
  dataset.pixelData();
}

/** Runs it; whatever is thrown must be an error of the table. */
function onlyIchorErrors(act: () => void): void {
  try {
    act();
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(IchorError);
    expect(['DATASET_UNREADABLE', 'NOT_DICOM']).toContain((thrown as IchorError).code);
  }
}

describe('bytes that are wrong give an error of the table, and no other', () => {
  const syntaxes = fc.constantFrom(IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED, '1.2.840.10008.1.2.4.70', 'no UID');
  test('random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), syntaxes, (bytes, syntax) =>
        onlyIchorErrors(() => touch(parseDataset(bytes, syntax))),
      ),
      { numRuns: 3_000 },
    );
  });
  test('random bytes behind a valid beginning of a file', () => {
    const header = part10Header({
      sopClassUid: '1.2',
      sopInstanceUid: '1.2.3',
      transferSyntaxUid: EXPLICIT,
      callingAeTitle: 'A',
    });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(header.length), (bytes, kept) =>
        onlyIchorErrors(() => touch(readPart10(Buffer.concat([header.subarray(0, kept), bytes]), 'file').dataset)),
      ),
      { numRuns: 2_000 },
    );
  });
  test('a good dataset with some bytes changed, read in every syntax', () => {
    const changes = fc.array(fc.tuple(fc.nat(SAMPLE.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 6 });
    fc.assert(
      fc.property(changes, syntaxes, (changed, syntax) => {
        const bytes = Buffer.from(SAMPLE);
        for (const [at, value] of changed) bytes[at] = value;
        onlyIchorErrors(() => touch(parseDataset(syntax === DEFLATED ? deflateRawSync(bytes) : bytes, syntax)));
      }),
      { numRuns: 3_000 },
    );
  });
  test('a good dataset cut anywhere', () => {
    for (let length = 0; length < SAMPLE.length; length++)
      onlyIchorErrors(() => touch(parseDataset(SAMPLE.subarray(0, length), EXPLICIT)));
  });
  test.each([IMPLICIT, EXPLICIT])('10,000 nested sequences of undefined length (%s)', (syntax) => {
    const opening =
      syntax === EXPLICIT
        ? element(0x00081110, 'SQ', NOTHING, UNDEFINED_LENGTH)
        : item(NOTHING, 0x00081110, UNDEFINED_LENGTH);
    const level = Buffer.concat([opening, item(NOTHING, 0xfffee000, UNDEFINED_LENGTH)]);
    const bytes = Buffer.concat(Array.from({ length: 10_000 }, () => level));
    expect(() => parseDataset(bytes, syntax)).toThrow(expect.objectContaining({ code: 'DATASET_UNREADABLE' }));
  });
  test('deflated data that inflates without end is no way to fill the memory', () => {
    const bomb = deflateRawSync(Buffer.alloc(1 << 20)).subarray(0, 500);
    onlyIchorErrors(() => touch(parseDataset(bomb, DEFLATED)));
    expect(() => parseDataset(Buffer.from('not deflated'), DEFLATED)).toThrow(IchorError);
  });
});

describe('values', () => {
  test('are read with their types, trimmed and split', () => {
    const dataset = read(SAMPLE);
    expect(dataset.texts('ImageType')).toEqual(['ORIGINAL', 'PRIMARY', 'AXIAL']);
    expect(dataset.text('PatientName')).toBe('Müller^Jörg');
    expect(dataset.numbers('ImagePositionPatient')).toEqual([-1.5, 20, 3]);
    expect(dataset.number('Rows')).toBe(2);
    expect(dataset.number('PixelPaddingValue')).toBe(-2000);
    expect(dataset.items('ReferencedStudySequence').map((one) => one.text('ReferencedSOPClassUID'))).toEqual(['1.2.3']);
    expect(dataset.pixelData()).toMatchObject({ kind: 'native', declaredLength: 8 });
  });
  test('that are absent, empty or no numbers are null', () => {
    const dataset = read(element(0x00080060, 'CS', ''), element(0x00180050, 'DS', 'thick'));
    expect([dataset.text('Modality'), dataset.text('Manufacturer'), dataset.number('SliceThickness')]).toEqual([
      null,
      null,
      null,
    ]);
    expect(dataset.items('ReferencedStudySequence')).toEqual([]);
    expect(dataset.pixelData()).toBeNull();
  });
  test('of doubles in a good dataset are what was written', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const bytes = Buffer.alloc(8);
        bytes.writeDoubleLE(value);
        expect(read(element(0x00189323, 'FD', bytes)).number('ExposureModulationType')).toBe(value);
      }),
    );
  });
});

describe('character sets', () => {
  const PATIENT = 0x00100010;
  const japanese = Buffer.from('Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B', 'latin1');
  const utf8 = Buffer.from('Yamada^Tarou=山田^太郎');
  test('ISO 2022 with escape sequences, in an item that inherits the set', () => {
    const dataset = read(
      element(0x00080005, 'CS', '\\ISO 2022 IR 87'),
      element(0x00081110, 'SQ', item(element(PATIENT, 'PN', japanese))),
      element(PATIENT, 'PN', japanese),
    );
    expect(dataset.text('PatientName')).toBe('Yamada^Tarou=山田^太郎');
    expect(dataset.items('ReferencedStudySequence')[0]!.text('PatientName')).toBe('Yamada^Tarou=山田^太郎');
  });
  test('UTF-8 in an item of a dataset that has no set of its own', () => {
    const own = Buffer.concat([element(0x00080005, 'CS', 'ISO_IR 192'), element(PATIENT, 'PN', utf8)]);
    const dataset = read(element(0x00081110, 'SQ', item(own)), element(PATIENT, 'PN', 'M\xfcller'));
    expect(dataset.items('ReferencedStudySequence')[0]!.text('PatientName')).toBe('Yamada^Tarou=山田^太郎');
    expect(dataset.text('PatientName')).toBe('Müller');
  });
  test.each([
    ['ISO_IR 100', 'B\xfcc^J\xe9r\xf4me', 'Büc^Jérôme'],
    ['ISO_IR 144', '\xbb\xee\xdace\xdc\xd1\xe3\xe0\xd3', 'Люкceмбург'],
    ['ISO_IR 126', '\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2', 'Διονυσιος'],
    ['ISO_IR 13', '\xd4\xcf\xc0\xde', 'ヤマダ'.normalize('NFD')],
    ['GB18030', '\xcd\xf5^\xd0\xa1\xb6\xab', '王^小东'],
    ['no such set', 'Plain^Name', 'Plain^Name'],
  ])('%s', (set, stored, shown) => {
    const found = read(element(0x00080005, 'CS', set), element(PATIENT, 'PN', stored)).text('PatientName')!;
    expect(found.normalize('NFKC')).toBe(shown.normalize('NFKC'));
  });
});

describe('encapsulated Pixel Data', () => {
  const encapsulated = (...items: Buffer[]): Buffer =>
    element(0x7fe00010, 'OB', Buffer.concat(items), UNDEFINED_LENGTH);
  test('gives its fragments with offsets as the Basic Offset Table counts them', () => {
    const table = Buffer.from([0, 0, 0, 0, 12, 0, 0, 0]);
    const dataset = read(encapsulated(item(table), item(Buffer.from('abcd')), item(Buffer.from('ef')), SEQUENCE_END));
    expect(dataset.pixelData()).toMatchObject({
      kind: 'encapsulated',
      basicOffsetTable: [0, 12],
      fragments: [{ offset: 0 }, { offset: 12 }],
    });
  });
  test.each([
    ['without its delimiter', encapsulated(item(NOTHING), item(Buffer.from('abcd')))],
    ['with a fragment beyond the data', encapsulated(item(NOTHING), item(Buffer.from('ab'), 0xfffee000, 50))],
    ['with something that is no item', encapsulated(item(NOTHING), element(0x00080060, 'CS', 'CT'), SEQUENCE_END)],
  ])('%s is DATASET_UNREADABLE', (_name, bytes) => {
    expect(() => parseDataset(bytes, '1.2.840.10008.1.2.4.70').pixelData()).toThrow(
      expect.objectContaining({ code: 'DATASET_UNREADABLE' }),
    );
  });
});

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodeText } from './characterSets.ts';

const utf8 = (text: string): Buffer => Buffer.from(text);
const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const name = (bytes: Uint8Array, set: string | null): string => decodeText(bytes, set?.split('\\') ?? [], 'PN');

/** What a single-byte set makes of a text: the table is that of TextDecoder, read backwards. */
function encoded(text: string, label: string): Buffer {
  const decoder = new TextDecoder(label);
  const bytes = new Map(Array.from({ length: 256 }, (_, byte) => [decoder.decode(Uint8Array.of(byte)), byte]));
  return Buffer.from([...text].map((character) => bytes.get(character)!));
}

const SINGLE_BYTE: readonly (readonly [set: string, label: string, text: string])[] = [
  ['ISO_IR 100', 'windows-1252', 'Müller^Jürgen'],
  ['ISO_IR 101', 'iso-8859-2', 'Brzęczyszczykiewicz^Łukasz'],
  ['ISO_IR 101', 'iso-8859-2', 'BRÓŻEK^ŻANETA'],
  ['ISO_IR 101', 'iso-8859-2', 'RĂŞINAR^IONUŢ'],
  ['ISO_IR 109', 'iso-8859-3', 'Ĝustavo^Ħamid'],
  ['ISO_IR 110', 'iso-8859-4', 'Bērziņš^Jānis'],
  ['ISO_IR 144', 'iso-8859-5', 'Иванов^Иван'],
  ['ISO_IR 144', 'iso-8859-5', 'ХАТА^ФЁДОР'],
  ['ISO_IR 127', 'iso-8859-6', 'قباني^نزار'],
  ['ISO_IR 126', 'iso-8859-7', 'Διονυσιος^Μαρία'],
  ['ISO_IR 138', 'iso-8859-8', 'שרון^דבורה'],
  ['ISO_IR 148', 'windows-1254', 'Çavuşoğlu^İsmail'],
  ['ISO_IR 203', 'iso-8859-15', 'Šœ€^Žÿ'],
  ['ISO_IR 166', 'windows-874', 'นามสกุล^ชื่อ'],
  ['windows-1250', 'windows-1250', 'Dvořáková^Žofie'],
  ['windows-1251', 'windows-1251', 'Иванов^Иван'],
  ['CP1251', 'windows-1251', 'Щербаков^Ёж'],
  ['WIN1253', 'windows-1253', 'Παπαδόπουλος^Άννα'],
  ['koi8-r', 'koi8-r', 'Иванов^Иван'],
  ['ISO 8859-15', 'iso-8859-15', 'Œuvrard^Cœline'],
  ['iso-8859-2', 'iso-8859-2', 'Nagy^Erzsébet'],
];

describe('single-byte sets', () => {
  test.each(SINGLE_BYTE)('%s (%s): %s', (set, label, text) => {
    expect(name(encoded(text, label), set)).toBe(text);
    expect(name(encoded(text, label), set.replace('ISO_IR', 'ISO 2022 IR'))).toBe(text);
  });
  test.each(SINGLE_BYTE)('UTF-8 under %s (%s) is seen: %s', (set, _label, text) => {
    expect(name(utf8(text), set)).toBe(text);
  });
  test('a byte that means nothing in its set spoils no other', () => {
    expect(name(Buffer.concat([encoded('Μαρία', 'iso-8859-7'), Buffer.from([0xd2, 0x41])]), 'ISO_IR 126')).toBe(
      'ΜαρίαÒA',
    );
  });
});

describe('the same set, written otherwise', () => {
  test.each([
    'ISO_IR 192',
    'ISO-IR 192',
    'ISO IR 192',
    'ISO 2022 IR 192',
    'iso_ir192',
    'UTF-8',
    'utf8',
    'UTF8 ',
    'UNICODE UTF-8',
  ])('%s is UTF-8', (set) => {
    expect(name(utf8('Müller^山田'), set)).toBe('Müller^山田');
  });
  test.each([
    'ISO_IR 100',
    'ISO-IR 100',
    'ISO IR 100',
    'ISO2022IR100',
    'ISO_IR_100',
    'IR 100',
    'Latin1',
    'latin-1',
    'ISO-8859-1',
    'ISO8859_1',
    'windows-1252',
  ])('%s is Latin 1', (set) => {
    expect(name(latin1('Müller^Jürgen'), set)).toBe('Müller^Jürgen');
  });
});

/** Encoded with Python's codecs. */
const SEVERAL_BYTES: readonly (readonly [set: string, hex: string, text: string])[] = [
  ['ISO_IR 149', 'c8ab5eb1e6b5bf', '홍^길동'],
  ['ISO 2022 IR 149', 'c8ab5eb1e6b5bf', '홍^길동'],
  ['\\ISO 2022 IR 149', 'c8ab5eb1e6b5bf', '홍^길동'],
  ['EUC-KR', 'c8ab5eb1e6b5bf', '홍^길동'],
  ['\\ISO 2022 IR 149', '486f6e673d1b2429 43fbf35e1b242943d1ced4d7'.replaceAll(' ', ''), 'Hong=洪^吉洞'],
  ['GB18030', 'cdf55ed0a1b6ab', '王^小东'],
  ['GBK', 'cdf55ed0a1b6ab', '王^小东'],
  ['ISO_IR 58', 'cdf55ed0a1b6ab', '王^小东'],
  ['\\ISO 2022 IR 58', '57616e673d1b242941cdf55e1b242941d0a1b6ab', 'Wang=王^小东'],
  ['Big5', 'a4fd5ea470aa46', '王^小東'],
  ['Shift_JIS', '8e5293635e91be9859', '山田^太郎'],
  ['ISO_IR 13', '8e5293635e91be9859', '山田^太郎'],
  ['ISO_IR 87', 'bbb3c5c45ec2c0cfba', '山田^太郎'],
  [
    'ISO 2022 IR 13\\ISO 2022 IR 87',
    'd4cfc0de5ec0dbb33d1b2442 3b33 4544 1b284a5e1b2442 4240 4f3a 1b284a'.replaceAll(' ', ''),
    'ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎',
  ],
];
describe('sets of several bytes a character', () => {
  test.each(SEVERAL_BYTES)('%j (%s): %s', (set, hex, text) => {
    expect(name(Buffer.from(hex, 'hex'), set)).toBe(text);
  });
  test.each(['GB18030', 'GBK', 'ISO 2022 IR 149', 'ISO_IR 13', '\\ISO 2022 IR 87'])('UTF-8 under %j is seen', (set) => {
    for (const text of ['Müller^Jürgen', '王^小东', 'Yamada^Tarou=山田^太郎=やまだ^たろう', '홍^길동'])
      expect(name(utf8(text), set)).toBe(text);
  });
  test('escape sequences are understood though nobody declared them', () => {
    const japanese = latin1('Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B');
    for (const set of [null, '', 'ISO_IR 100', 'ISO_IR 6', 'ISO 2022 IR 87', 'ISO_IR 87', 'no such set'])
      expect(name(japanese, set)).toBe('Yamada^Tarou=山田^太郎');
  });
  test('Latin 9 by escape sequence', () => {
    expect(name(latin1('\x1b-b\xbduvrard^\x1b-bC\xbdline'), '\\ISO 2022 IR 203')).toBe('œuvrard^Cœline');
  });
  test('a name that was cut within a character keeps the others', () => {
    expect(name(utf8('Müller^Jü').subarray(0, -1), 'ISO_IR 192')).toBe('Müller^J');
    expect(name(Buffer.concat([utf8('Müller^Jü').subarray(0, -1), latin1('  ')]), null)).toBe('Müller^J');
  });
});

describe('a set that is missing or wrong', () => {
  test.each([null, '', 'ISO_IR 6', 'no such set', '\\'])('%j: UTF-8 where it can be, else Latin 1', (set) => {
    expect(name(utf8('Müller^Jürgen=山田'), set)).toBe('Müller^Jürgen=山田');
    expect(name(latin1('Müller^José'), set)).toBe('Müller^José');
  });
  test('Latin 1 under ISO_IR 192, alone and beside UTF-8', () => {
    expect(name(latin1('Müller^Jürgen'), 'ISO_IR 192')).toBe('Müller^Jürgen');
    expect(name(latin1('José'), 'ISO_IR 192')).toBe('José');
    expect(name(Buffer.concat([utf8('Müller^'), latin1('Jürgen')]), 'ISO_IR 192')).toBe('Müller^Jürgen');
  });
  test('Latin 1 stays Latin 1 where UTF-8 would be nonsense', () => {
    for (const text of ['Ångström', 'Çelik', 'Núñez^Íñigo', 'ÅSE', 'Straße', 'Dupré^Loïc'])
      expect(name(latin1(text), 'ISO_IR 100')).toBe(text);
  });
});

describe('whatever the bytes', () => {
  const sets = fc.constantFrom(
    ...[
      'ISO_IR 100',
      'ISO_IR 144',
      'ISO_IR 192',
      'ISO_IR 13',
      'GB18030',
      'ISO_IR 149',
      '\\ISO 2022 IR 87',
      'windows-1251',
    ],
    ...[
      'ISO 2022 IR 13\\ISO 2022 IR 159',
      'Big5',
      '',
      'no such set',
      'ISO_IR 126',
      'ISO_IR 203',
      'utf-16',
      'iso-2022-jp',
    ],
  );
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc
      .array(fc.constantFrom(0x1b, 0x24, 0x28, 0x29, 0x42, 0x43, 0x5e, 0x3d, 0x5c, 0, 0x41, 0xc3, 0xbc, 0xe5, 0xb1), {
        maxLength: 20,
      })
      .map(Uint8Array.from.bind(Uint8Array)),
  );
  const isHole = (input: Uint8Array): boolean => Buffer.from(input).includes(utf8('\ufffd'));
  test('decoding never throws, and no character is lost to a hole', () => {
    fc.assert(
      fc.property(bytes, sets, fc.constantFrom('PN', 'LO', 'LT'), (input, set, vr) => {
        const text = decodeText(input, set.split('\\'), vr);
        expect(text.includes('\ufffd') && !isHole(input)).toBe(false);
      }),
      { numRuns: 3_000 },
    );
  });
  test('every text in UTF-8 comes back as it was under ISO_IR 192', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 30 }), (text) => {
        fc.pre(!text.includes('\x1b') && !text.includes('\ufeff') && text === text.replace(/[ \0]+$/, ''));
        expect(name(utf8(text), 'ISO_IR 192')).toBe(text);
      }),
    );
  });
});

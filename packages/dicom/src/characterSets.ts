/**
 * Text by Specific Character Set (PS3.5 §6.1), also where that is misspelt, missing or wrong (sole importer of
 * dicom-character-set, which reads the escape sequences of ISO 2022). Pure.
 *
 * A set that is declared holds, unless the bytes cannot be in it or read clearly better as UTF-8. Without one they are UTF-8
 * where they can be. What is in no set that comes into question is read as Windows-1252, in which every byte is a character: a
 * name may come out odd then, but whole.
 */
import { convertBytes } from 'dicom-character-set';
import { type CharacterSet, characterSetOf, EXTENSION_TERMS } from './characterSetTerms.ts';
import { oddities } from './plausibleText.ts';

/** @param terms values of Specific Character Set. @param vr of the element: a person name's parts begin anew at `^` and `=` */
export function decodeText(bytes: Uint8Array, terms: readonly string[], vr: string): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const hasEscapes = buffer.includes(ESCAPE);
  if (!hasEscapes && isAscii(buffer)) return buffer.toString('latin1');
  if (hasEscapes && buffer.includes(LATIN_9)) return decodeText(inLatin9(buffer), ['ISO_IR 203'], vr);
  const sets = declaredSets(terms);
  return (hasEscapes ? withEscapes(buffer, sets, vr) : null) ?? withoutEscapes(buffer, sets);
}

/** Escape sequences of Latin 9, which dicom-character-set does not know, and of ASCII: what they lead to is one set. */
const LATIN_9 = '\x1b-b';
const inLatin9 = (bytes: Buffer): Buffer =>
  Buffer.from(bytes.toString('latin1').replaceAll(LATIN_9, '').replaceAll('\x1b(B', ''), 'latin1');

const ESCAPE = 0x1b;

function isAscii(bytes: Uint8Array): boolean {
  for (let index = 0; index < bytes.length; index++) if (bytes[index]! > 0x7f) return false;
  return true;
}

/** A device writes the same few values all day. */
const remembered = new Map<string, readonly CharacterSet[]>();
function declaredSets(terms: readonly string[]): readonly CharacterSet[] {
  const key = terms.join('\\');
  const known = remembered.get(key);
  if (known !== undefined) return known;
  const sets = terms.flatMap((term) => characterSetOf(term) ?? []);
  if (remembered.size > 100) remembered.clear();
  remembered.set(key, sets);
  return sets;
}

/** Any escape sequence of the standard is understood, declared or not. @returns null when one is not */
function withEscapes(buffer: Buffer, sets: readonly CharacterSet[], vr: string): string | null {
  const isUtf8 = sets.some(({ labels }) => labels.includes('utf-8')) && !isAscii(buffer);
  if (isUtf8 && strictly('utf-8', buffer) !== null) return null;
  const first = sets[0]?.extensionTerm ?? DEFAULT;
  const terms = new Set([KANJI.has(first) ? DEFAULT : first, ...EXTENSION_TERMS]);
  try {
    const text = convertBytes([...terms].join('\\'), buffer, { vr });
    return text.includes(HOLE) ? null : text;
  } catch {
    return null;
  }
}

const DEFAULT = 'ISO 2022 IR 6';
/** They replace ASCII, so that no value can begin in them. */
const KANJI = new Set(['ISO 2022 IR 87', 'ISO 2022 IR 159']);
const HOLE = '\ufffd';

function withoutEscapes(buffer: Buffer, sets: readonly CharacterSet[]): string {
  const bytes = buffer.subarray(0, lengthWithoutPadding(buffer));
  const declared = sets.flatMap(({ labels, leavesC1Empty }) => labels.map((label) => ({ label, leavesC1Empty })));
  const candidates = [...declared, { label: 'utf-8', leavesC1Empty: false }];
  const readings = candidates.flatMap(({ label, leavesC1Empty }) => {
    const text = strictly(label, bytes);
    return text === null ? [] : [{ text, odd: oddities(text) + (leavesC1Empty ? countC1(bytes) : 0) }];
  });
  const [best] = readings.toSorted((one, other) => one.odd - other.odd);
  return best?.text ?? patched(bytes, declared[0]?.label ?? 'utf-8');
}

function lengthWithoutPadding(bytes: Uint8Array): number {
  let length = bytes.length;
  while (length > 0 && (bytes[length - 1] === 0 || bytes[length - 1] === 0x20)) length--;
  return length;
}

function countC1(bytes: Uint8Array): number {
  let count = 0;
  for (const byte of bytes) if (byte >= 0x80 && byte <= 0x9f) count++;
  return count;
}

const decoders = new Map<string, Decoder>();
type Decoder = InstanceType<typeof TextDecoder>;
function decoderOf(label: string): Decoder {
  const known = decoders.get(label);
  if (known !== undefined) return known;
  const decoder = new TextDecoder(label, { fatal: true });
  decoders.set(label, decoder);
  return decoder;
}

/** @returns null when a byte means nothing in the set. UTF-8 that was cut within its last character loses that. */
function strictly(label: string, bytes: Uint8Array): string | null {
  try {
    return decoderOf(label).decode(bytes);
  } catch {
    return label === 'utf-8' ? withoutCutCharacter(Buffer.from(bytes).toString('latin1')) : null;
  }
}

function withoutCutCharacter(latin1: string): string | null {
  const whole = latin1.replace(/([\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})$/, '');
  const bytes = Buffer.from(whole, 'latin1');
  if (whole === latin1 || isAscii(bytes)) return null;
  try {
    return decoderOf('utf-8').decode(bytes);
  } catch {
    return null;
  }
}

const SEVERAL_BYTES = new Set(['utf-8', 'gb18030', 'gbk', 'euc-kr', 'euc-jp', 'shift_jis', 'big5']);

/** Character by character: what means nothing in the set is read as Windows-1252. */
function patched(bytes: Buffer, label: string): string {
  if (!SEVERAL_BYTES.has(label))
    return Array.from(bytes, (byte) => strictly(label, Uint8Array.of(byte)) ?? windows1252(Uint8Array.of(byte))).join(
      '',
    );
  return bytes
    .toString('latin1')
    .replaceAll(UTF_8_OR_NOT, (run) => strictlyUtf8(run) ?? windows1252(Buffer.from(run, 'latin1')));
}

const UTF_8_OR_NOT = /(?:[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3})+|[\x80-\xff]/g;
const windows1252 = (bytes: Uint8Array): string => decoderOf('windows-1252').decode(bytes);

function strictlyUtf8(run: string): string | null {
  const text = strictly('utf-8', Buffer.from(run, 'latin1'));
  return run.length > 1 ? text : null;
}

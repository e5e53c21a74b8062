/** Values that have broken programs: characters, lengths, numbers, dates, UIDs, markup, escapes. */
import type { Dice } from '../dice.ts';

export const HOSTILE_TEXTS: readonly string[] = [
  '',
  ' ',
  '\0',
  'A\0B',
  '\\',
  '\\\\\\\\',
  '^^^^^',
  '=',
  '==^==',
  '\u001b[31m\u001b]0;x\u0007',
  '\u001b$B;3ED\u001b(B',
  '\u001b$)C\u00b1\u00e8',
  '\u00e4\u00f6\u00fc',
  '\u5c71\u7530^\u592a\u90ce',
  '\ud800',
  '\u202e\u0000\ufeff',
  '\r\nOBX|1|ST|forged||x\r',
  '\u000b\u001c\r',
  '|^~\\&',
  '<script>alert(1)</script>',
  "'; DROP TABLE study; --",
  '../../../../etc/passwd',
  '%s%n%x',
  '{}',
  '__proto__',
  'constructor',
  'ISO_IR 192',
  'ISO 2022 IR 87',
  'ISO_IR 999\\ISO 2022 IR 6',
  'NaN',
  'Infinity',
  '-Infinity',
  '1e400',
  '-1e400',
  '1e-400',
  '0x10',
  '-0',
  '1,5',
  '99999999999999999999999999',
  '2147483648',
  '-2147483649',
  '4294967296',
  '00000000',
  '20261399',
  '99991231',
  '250000.999999',
  '1.2.3',
  '1..2',
  '.1.2',
  '1.2.840.10008.1.2.1.99',
  '1.2.840.10008.5.1.4.1.1.2.1',
  'DERIVED\\SECONDARY\\MPR',
  'ORIGINAL\\PRIMARY\\LOCALIZER',
  'MONOCHROME1',
  'PALETTE COLOR',
  'YBR_FULL_422',
  'CT',
  'STAT',
];

/** One of them, sometimes very long or made of random bytes; as bytes, because not all of it is text. */
export function hostileValue(dice: Dice): Buffer {
  const text = Buffer.from(dice.pick(HOSTILE_TEXTS), dice.chance(0.5) ? 'utf8' : 'latin1');
  if (dice.chance(0.1)) return dice.bytes(dice.few(300));
  if (dice.chance(0.15)) return Buffer.alloc(dice.few(66_000), text.length > 0 ? text : 'A');
  return text;
}
export const hostileText = (dice: Dice): string => hostileValue(dice).toString(dice.chance(0.5) ? 'utf8' : 'latin1');

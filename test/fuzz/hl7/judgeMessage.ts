/** Whether a message is what it should be, read by an HL7 parser that is not ours (simple-hl7). */

import type { ResultView } from '@ichor/store/studyView';
import simpleHl7 from 'simple-hl7';

/** What is wrong with the message; empty when nothing is. */
export function judgeMessage(text: string, content: ResultView): string[] {
  const problems: string[] = [];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they would break the framing
  if (/[\x00-\x0c\x0e-\x1f\x7f]/.test(text)) problems.push('the message holds control characters');
  const segments = new simpleHl7.Parser().parse(text).toString().split('\r').filter(Boolean);
  const names = segments.map((segment) => segment.split('|')[0]!);
  const notes = names.filter((name) => name === 'NTE').length;
  const expected = ['MSH', 'PID', 'OBR', ...Array(notes).fill('NTE'), ...Array(names.length - notes - 3).fill('OBX')];
  if (names.join() !== expected.join() || notes < 1 || notes > 2) problems.push(`the segments are ${names.join()}`);
  const patient = segments[1]?.split('|') ?? [];
  same(problems, 'PID-3', patient[3], content.patient.id);
  same(problems, 'OBR-3', segments[2]?.split('|')[3], content.study.accessionNumber);
  if (patient.length > 6) problems.push(`PID has ${patient.length - 1} fields`);
  return problems;
}

function same(problems: string[], name: string, field: string | undefined, value: string | null): void {
  const wanted = (value ?? '').toWellFormed();
  if (unescaped(field ?? '') !== wanted)
    problems.push(`${name} is ${JSON.stringify(field)} for ${JSON.stringify(wanted)}`);
}

const LETTERS: Readonly<Record<string, string>> = { E: '\\', F: '|', S: '^', T: '&', R: '~' };
const unescaped = (field: string): string =>
  field.replace(/\\(?:X([0-9A-F]{2})|([EFSTR]))\\/g, (_all, hex, letter) =>
    hex ? String.fromCharCode(Number.parseInt(hex, 16)) : LETTERS[letter]!,
  );

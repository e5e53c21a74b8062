import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { openTerminal, paint, startProgress, type Terminal, table } from './terminal.ts';

function recording(colours: boolean): Terminal & { lines: string[] } {
  const lines: string[] = [];
  const keep = (line = ''): void => void lines.push(line);
  return { lines, print: keep, note: keep, whisper: keep, colours, interactive: false };
}

/** What reaches a person's screen, or a pipe. */
function screen(isTTY: boolean) {
  let written = '';
  const stream = { isTTY, write: (text: string) => (written += text) } as unknown as NodeJS.WriteStream;
  return { terminal: openTerminal(stream, stream, {}), written: () => written };
}
// biome-ignore lint/complexity/useRegexLiterals: colours are control characters
const COLOURS = new RegExp('\u001b\\[\\d+m', 'g');

test('columns line up although some cells are coloured', () => {
  const { terminal, written } = screen(true);
  const rows = [
    ['STATE', 'SCORE', 'x'],
    [paint(terminal, ['bold', 'red'], 'flagged'), '0.97', 'y'],
  ];
  for (const line of table(rows)) terminal.print(line);
  expect(written()).toContain('\u001b[31m');
  expect(written().replaceAll(COLOURS, '')).toBe('STATE    SCORE  x\nflagged  0.97   y\n');
});

test.each([
  ['colours', '\u001b[31mred\u001b[0m', '\\u001b[31mred\\u001b[0m'],
  ['a title of the window', '\u001b]0;owned\u0007', '\\u001b]0;owned\\u0007'],
  ['the control sequence of one byte', '\u009b2J', '\\u009b2J'],
  ['a line of its own', 'CT1\n2026  ok\rx', 'CT1\\u000a2026  ok\\u000dx'],
  ['text that runs backwards', 'a\u202egnp.exe', 'a\\u202egnp.exe'],
])('a name that holds %s is shown as what it is', (_, name, shown) => {
  for (const [isTTY, text] of [
    [true, (terminal: Terminal) => paint(terminal, 'dim', name)],
    [true, () => name],
    [false, () => name],
  ] as const) {
    const { terminal, written } = screen(isTTY);
    terminal.print(text(terminal));
    terminal.note(name);
    expect(written().replaceAll(COLOURS, '')).toBe(`${shown}\n${shown}\n`);
  }
});

test('nothing that anybody sends makes a terminal obey, and columns line up all the same', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1 }), (texts) => {
      const { terminal, written } = screen(true);
      for (const line of table(texts.map((text) => [text, 'x']))) terminal.print(line);
      for (const text of texts) terminal.print(paint(terminal, 'red', text));
      const lines = written().replaceAll(COLOURS, '').split('\n').slice(0, -1);
      expect(lines).toHaveLength(2 * texts.length);
      expect(lines.join('')).not.toMatch(/[\p{Cc}\p{Cs}]/u);
      expect(new Set(lines.slice(0, texts.length).map((line) => line.length)).size).toBe(1);
    }),
  );
});

test('a line of JSON stays the same value', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const { terminal, written } = screen(false);
      terminal.print(JSON.stringify({ text }));
      expect(JSON.parse(written())).toEqual({ text });
    }),
  );
});

test('a table without rows has no lines, and trailing blanks are cut', () => {
  expect(table([])).toEqual([]);
  expect(
    table([
      ['a', ''],
      ['bcd', ''],
    ]),
  ).toEqual(['a', 'bcd']);
});

test('a text stays as it is where there are no colours', () => {
  expect(paint(recording(false), 'red', 'flagged')).toBe('flagged');
});

test.each([
  [1, 1],
  [7, 7],
  [64, 10],
  [3_000, 10],
])('piped progress over %d steps takes %d lines and ends with the last step', (total, lines) => {
  const terminal = recording(false);
  const progress = startProgress(terminal, 'Sending', total);
  for (let count = 0; count < total; count++) progress.step('');
  progress.done();
  expect(terminal.lines).toHaveLength(lines);
  expect(terminal.lines.at(-1)).toBe(`Sending: ${total} of ${total}`);
});

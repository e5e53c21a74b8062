import { expect, test } from '@jest/globals';
import { paint, startProgress, type Terminal, table } from './terminal.ts';

function recording(colours: boolean): Terminal & { lines: string[] } {
  const lines: string[] = [];
  const keep = (line = ''): void => void lines.push(line);
  return { lines, print: keep, note: keep, whisper: keep, colours, interactive: false };
}

test('columns line up although some cells are coloured', () => {
  const terminal = recording(true);
  const lines = table([
    ['STATE', 'SCORE', 'x'],
    [paint(terminal, ['bold', 'red'], 'flagged'), '0.97', 'y'],
  ]);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control characters
  expect(lines.map((line) => line.replaceAll(/\u001b\[\d+m/g, ''))).toEqual(['STATE    SCORE  x', 'flagged  0.97   y']);
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

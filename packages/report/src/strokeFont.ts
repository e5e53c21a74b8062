/**
 * A small stroke font, drawn as SVG paths: what is written into a heat map must not depend on the fonts of a machine, because
 * without any installed the text would be missing without a word.
 *
 * Glyphs lie on a grid of 4 × 6 units, y downwards, baseline at 6; strokes are polylines of "xy" digit pairs.
 */
const GLYPHS: Readonly<Record<string, string>> = {
  A: '06 02 11 31 42 46|04 44',
  B: '06 01 31 42 33 03|33 44 45 36 06',
  C: '42 31 11 02 05 16 36 45',
  D: '06 01 31 42 45 36 06',
  E: '41 01 06 46|03 33',
  F: '41 01 06|03 33',
  G: '42 31 11 02 05 16 36 45 44 24',
  H: '01 06|41 46|03 43',
  I: '11 31|21 26|16 36',
  J: '31 35 26 16 05',
  K: '01 06|41 04|13 46',
  L: '01 06 46',
  M: '06 01 23 41 46',
  N: '06 01 46 41',
  O: '11 31 42 45 36 16 05 02 11',
  P: '06 01 31 42 43 34 04',
  Q: '11 31 42 45 36 16 05 02 11|24 46',
  R: '06 01 31 42 43 34 04|24 46',
  S: '42 31 11 02 13 33 44 45 36 16 05',
  T: '01 41|21 26',
  U: '01 05 16 36 45 41',
  V: '01 26 41',
  W: '01 16 23 36 41',
  X: '01 46|41 06',
  Y: '01 23 41|23 26',
  Z: '01 41 06 46',
  '0': '11 31 42 45 36 16 05 02 11|15 32',
  '1': '12 21 26|16 36',
  '2': '02 11 31 42 43 06 46',
  '3': '02 11 31 42 33 44 45 36 16 05|23 33',
  '4': '36 31 04 44',
  '5': '41 01 03 33 44 45 36 16 05',
  '6': '41 11 02 05 16 36 45 44 33 03',
  '7': '01 41 16',
  '8': '11 31 42 33 13 02 11|13 04 05 16 36 45 44 33',
  '9': '06 36 45 42 31 11 02 03 14 44',
  '.': '25 26',
  ',': '25 17',
  ':': '23 23|25 25',
  '-': '14 34',
  '+': '14 34|23 25',
  '/': '06 41',
  '%': '06 41|11 12|35 36',
  '(': '31 22 25 36',
  ')': '11 22 25 16',
  '=': '03 43|05 45',
};
const ADVANCE = 5.4;

/** Width of a text in the units of {@link textPath}. @param height of capital letters */
export const textWidth = (text: string, height: number): number => (text.length * ADVANCE * height) / 5;

/** SVG path data of a text; letters are drawn as capitals, unknown characters as blanks. @param y of the baseline */
export function textPath(text: string, x: number, y: number, height: number): string {
  const unit = height / 5;
  const place = (pair: string, index: number): string =>
    `${(x + (index * ADVANCE + Number(pair[0])) * unit).toFixed(1)} ${(y + (Number(pair[1]) - 6) * unit).toFixed(1)}`;
  return [...text.toUpperCase()]
    .flatMap((letter, index) =>
      (GLYPHS[letter] ?? '')
        .split('|')
        .filter(Boolean)
        .map(
          (stroke) =>
            `M${stroke
              .split(' ')
              .map((pair) => place(pair, index))
              .join('L')}`,
        ),
    )
    .join('');
}

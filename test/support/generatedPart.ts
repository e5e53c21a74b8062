/** The part of a page between two markers, which is made from the code. */
import { readFile, writeFile } from 'node:fs/promises';

const BEGIN = '<!-- tables: begin -->';
const END = '<!-- tables: end -->';

export async function readGeneratedPart(page: string): Promise<string> {
  const text = await readFile(page, 'utf8');
  return text.slice(text.indexOf(BEGIN) + BEGIN.length, text.indexOf(END)).trim();
}

export async function writeGeneratedPart(page: string, part: string): Promise<void> {
  const text = await readFile(page, 'utf8');
  const [before, after] = [text.slice(0, text.indexOf(BEGIN)), text.slice(text.indexOf(END))];
  await writeFile(page, `${before}${BEGIN}\n${part}\n${after}`);
}

/** A text as it is shown in a cell of a table. */
export const escaped = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');

/** The tables of docs/failures.md, made from the tables in the code. `npm run docs` writes them into the page. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT_CODES } from '@ichor/cli/exitCodes';
import { ERRORS } from '@ichor/shared/errors';
import { REASONS } from '@ichor/shared/reasons';

export const FAILURES_PAGE = join(import.meta.dirname, '..', '..', 'docs', 'failures.md');
const BEGIN = '<!-- tables: begin -->';
const END = '<!-- tables: end -->';

/** The generated part of the page. */
export function failuresTables(): string {
  const errors = Object.entries(ERRORS).map(
    ([code, { retryable, message }]) => `| \`${code}\` | ${retryable ? 'yes' : 'no'} | ${escaped(message)} |`,
  );
  const reasons = Object.entries(REASONS).map(([code, sentence]) => `| \`${code}\` | ${escaped(sentence)} |`);
  return [
    '## Error codes',
    '',
    '`{…}` is filled in. "Tried again": the fault may pass, so Ichor itself tries again within bounds.',
    '',
    '| code | tried again | message |',
    '|---|---|---|',
    ...errors,
    '',
    '## Reason codes',
    '',
    'Why a series was set aside, or a study not analysed.',
    '',
    '| code | sentence |',
    '|---|---|',
    ...reasons,
    '',
    '## Exit codes',
    '',
    'How every `ichor` command ends.',
    '',
    '| code | meaning |',
    '|---|---|',
    ...EXIT_CODES.map(({ code, meaning }) => `| ${code} | ${escaped(meaning)} |`),
  ].join('\n');
}

/** The part of the page between the markers. */
export async function tablesInPage(): Promise<string> {
  const page = await readFile(FAILURES_PAGE, 'utf8');
  return page.slice(page.indexOf(BEGIN) + BEGIN.length, page.indexOf(END)).trim();
}

export async function writeTables(): Promise<void> {
  const page = await readFile(FAILURES_PAGE, 'utf8');
  const [before, after] = [page.slice(0, page.indexOf(BEGIN)), page.slice(page.indexOf(END))];
  await writeFile(FAILURES_PAGE, `${before}${BEGIN}\n${failuresTables()}\n${after}`);
}

const escaped = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');

if (process.argv[1] === import.meta.filename) await writeTables();

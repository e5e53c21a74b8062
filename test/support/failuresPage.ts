/** The tables of docs/failures.md, made from the tables in the code. `npm run docs` writes them into the page. */
import { join } from 'node:path';
import { EXIT_CODES } from '@ichor/cli/exitCodes';
import { ERRORS } from '@ichor/shared/errors';
import { REASONS } from '@ichor/shared/reasons';
import { escaped, writeGeneratedPart } from './generatedPart.ts';

export const FAILURES_PAGE = join(import.meta.dirname, '..', '..', 'docs', 'failures.md');

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

if (process.argv[1] === import.meta.filename) await writeGeneratedPart(FAILURES_PAGE, failuresTables());

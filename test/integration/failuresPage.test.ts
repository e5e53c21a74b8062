import { expect, test } from '@jest/globals';
import { FAILURES_PAGE, failuresTables } from '../support/failuresPage.ts';
import { readGeneratedPart } from '../support/generatedPart.ts';

test('docs/failures.md lists every error and reason code with its text (npm run docs writes it)', async () => {
  expect(await readGeneratedPart(FAILURES_PAGE)).toBe(failuresTables());
});

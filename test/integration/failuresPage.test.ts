import { expect, test } from '@jest/globals';
import { failuresTables, tablesInPage } from '../support/failuresPage.ts';

test('docs/failures.md lists every error and reason code with its text (npm run docs writes it)', async () => {
  expect(await tablesInPage()).toBe(failuresTables());
});

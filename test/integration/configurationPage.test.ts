import { expect, test } from '@jest/globals';
import { CONFIGURATION_PAGE, configurationTables } from '../support/configurationPage.ts';
import { readGeneratedPart } from '../support/generatedPart.ts';

test('docs/configuration.md lists every setting as it is declared (npm run docs writes it)', async () => {
  expect(await readGeneratedPart(CONFIGURATION_PAGE)).toBe(configurationTables());
});

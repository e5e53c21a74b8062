/** Accessibility rules of WCAG 2.2 A and AA, checked by axe in the page itself. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { ROOT } from './ichor.ts';

const WCAG = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
type Violation = { readonly id: string; readonly nodes: readonly { readonly html: string }[] };

/** One line per rule that the page breaks, with the elements. @param more groups of rules beyond WCAG */
export async function violations(page: Page, ...more: readonly string[]): Promise<string[]> {
  const axe = await readFile(join(ROOT, 'node_modules', 'axe-core', 'axe.min.js'), 'utf8');
  const found = (await page.evaluate(
    `${axe}; axe.run({ runOnly: ${JSON.stringify([...WCAG, ...more])} }).then((result) => result.violations)`,
  )) as Violation[];
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}

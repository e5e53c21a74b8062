/** `ichor evaluate --gallery`: the page on which a reader judges heat maps, in a real browser. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { violations } from '../support/axe.ts';
import { openBrowser } from '../support/browser.ts';
import { runIchor } from '../support/ichor.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';

let folder: WorkFolder;
let browser: Browser;
let page: Page;
const at = (...parts: string[]): string => join(folder.path, ...parts);

beforeAll(async () => {
  folder = await openWorkFolder('gallery');
  const phantoms = ['--studies', '2', '--seed', '17', '--slices', '14', '--matrix', '256'];
  await runIchor(['phantom', '--out', at('ct'), '--bleed', 'subdural', ...phantoms]);
  const options = ['--labels', at('ct'), '--out', at('out'), '--gallery', '1'];
  const { code, stderr } = await runIchor(['evaluate', at('ct'), ...options]);
  expect([code, stderr]).toEqual([0, expect.stringMatching(/gallery\.html, \d+ heat maps? to judge/)]);
  browser = await openBrowser('plain');
  page = await browser.newPage();
  await page.goto(pathToFileURL(at('out', 'gallery.html')).href);
});
afterAll(async () => {
  await browser?.close();
  await folder?.remove();
});
const tally = async (): Promise<string[]> =>
  (await page.locator('.tally tbody tr:last-child td').allInnerTexts()).map((text) => text.trim());

test('shows the key slices of so many flagged studies, each with its map, its label and three verdicts', async () => {
  const figures = page.locator('.figures figure');
  const count = await figures.count();
  expect(count).toBeGreaterThan(1);
  expect(await page.locator('header').textContent()).toMatch(/key slices of 1 of 2 flagged studies/);
  expect(await figures.first().textContent()).toMatch(
    /[A-Z][a-z ]+ \d\.\d+, slice \d+ of 14\. Labelled: (subdural|no hemorrhage)\./,
  );
  expect(
    await page
      .locator('.figures img')
      .evaluateAll((images) => images.every((one) => 'naturalWidth' in one && one.naturalWidth === 384)),
  ).toBe(true);
  expect(await tally()).toEqual(['all', '0', '0', '0', String(count)]);
  expect(await page.locator('body').textContent()).toContain('not a medical device');
});

test('counts verdicts given by mouse and by key, and keeps them', async () => {
  const count = await page.locator('.figures figure').count();
  await page.locator('.figures figure').first().getByText('Correct').click();
  expect(await tally()).toEqual(['all', '1 (100 %)', '0 (0 %)', '0 (0 %)', String(count - 1)]);
  await page.keyboard.press('2');
  await page.keyboard.press('3');
  expect(await tally()).toEqual(['all', '0 (0 %)', '1 (50 %)', '1 (50 %)', String(count - 2)]);
  await page.reload();
  expect(await tally()).toEqual(['all', '0 (0 %)', '1 (50 %)', '1 (50 %)', String(count - 2)]);
});

test('gives the verdicts as CSV, one row for each heat map, with its instance', async () => {
  await page.fill('#reader', 'A, "B"');
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save')]);
  const lines = (await readFile(await download.path(), 'utf8')).trim().split('\r\n');
  expect(lines[0]).toBe('reader,StudyInstanceUID,SOPInstanceUID,slice,map,score,verdict');
  expect(lines).toHaveLength(1 + (await page.locator('.figures figure').count()));
  expect(lines[1]).toMatch(/^"A, ""B""","2\.25\.\d+","2\.25\.\d+","\d+","[A-Z][a-z ]+","\d\.\d+","partly"$/);
});

test('keeps the rules of accessibility', async () => {
  expect(await violations(page)).toEqual([]);
});

test('needs a folder to be written to', async () => {
  const { code, stderr } = await runIchor(['evaluate', at('ct'), '--labels', at('ct'), '--gallery']);
  expect([code, stderr]).toEqual([
    2,
    expect.stringContaining('--gallery cannot be used: it needs a folder to write to, --out FOLDER'),
  ]);
});

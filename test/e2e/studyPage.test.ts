/** The study page in Chromium, over a study that went the whole way: layers, plot, keyboard and what a screen reader is told. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { violations } from '../support/axe.ts';
import { openBrowser } from '../support/browser.ts';
import { eventually, fetchApi, ROOT } from '../support/ichor.ts';
import { openTriagedStudy, type TriagedStudy } from '../support/triagedStudy.ts';

const SCREENSHOTS = join(ROOT, 'test-output', 'screenshots');
const SIZES = { desk: { width: 1440, height: 1000 }, phone: { width: 390, height: 844 } } as const;
const SLICES = 24;
const CLASSES = ['epidural', 'intraparenchymal', 'intraventricular', 'subarachnoid', 'subdural', 'any'];

type Slice = { zMm: number; probabilities: number[]; influence: Record<string, number>; layer: object | null };
let opened: TriagedStudy;
let browser: Browser;
let slices: readonly Slice[];
beforeAll(async () => {
  await mkdir(SCREENSHOTS, { recursive: true });
  opened = await openTriagedStudy('study-page', { slices: SLICES, matrix: 256 });
  const answer = await fetchApi(opened.api, `/api/studies/${opened.study.studyInstanceUid}/detail`);
  ({ slices } = (await answer.json()) as { slices: Slice[] });
  browser = await openBrowser();
});
afterAll(async () => {
  await browser?.close();
  await opened?.stop();
});
afterEach(() => expect(complaints.splice(0)).toEqual([]));

const complaints: string[] = [];
async function openPage(colorScheme: 'dark' | 'light' = 'dark', size: keyof typeof SIZES = 'desk'): Promise<Page> {
  const context = await browser.newContext({ colorScheme, viewport: SIZES[size] });
  await context.setExtraHTTPHeaders({ authorization: `Bearer ${opened.api.token}` });
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('response', (answer) => answer.status() >= 400 && complaints.push(`${answer.status()} ${answer.url()}`));
  await page.goto(`http://127.0.0.1:${opened.api.httpPort}/studies/${opened.study.studyInstanceUid}`);
  await untilDrawn(page);
  return page;
}
const untilDrawn = (page: Page) =>
  eventually('every picture of the viewer', () =>
    page.evaluate<boolean>(
      "[...document.querySelectorAll('.viewer img')].length > 0 && [...document.querySelectorAll('.viewer img')].every((one) => one.complete && one.naturalWidth > 0 && getComputedStyle(one).visibility === 'visible')",
    ),
  );

/** Pixels of the viewer that are clearly no grey, and how bright it is on the whole. */
async function look(page: Page): Promise<{ coloured: number; brightness: number }> {
  await untilDrawn(page);
  const { data, info } = await sharp(await page.locator('.viewer').screenshot())
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  let [coloured, sum] = [0, 0];
  for (let at = 0; at < data.length; at += info.channels) {
    const pixel = [data[at]!, data[at + 1]!, data[at + 2]!];
    sum += pixel[0]! + pixel[1]! + pixel[2]!;
    if (Math.max(...pixel) - Math.min(...pixel) > 40) coloured++;
  }
  return { coloured, brightness: sum / data.length };
}
const slider = (page: Page, name: string) => page.getByRole('slider', { name });
const plotOf = (page: Page) => slider(page, 'Score of every finding per slice, skull base to vertex');
const heading = (number: number): string => `h2:has-text("Slice ${number} of ${SLICES}")`;

test('the heat map is a layer: h switches it, its opacity is set, and it stays over every window', async () => {
  const page = await openPage();
  const full = await look(page);
  expect(full.coloured).toBeGreaterThan(500);
  await slider(page, 'Opacity').fill('30');
  const faint = await look(page);
  expect(faint.coloured).toBeLessThan(full.coloured);
  await slider(page, 'Opacity').fill('100');
  await page.locator('.viewer').click();
  await page.keyboard.press('h');
  await page.waitForSelector('.viewer .layer', { state: 'detached' });
  const plain = await look(page);
  expect(plain.coloured).toBe(0);
  const brightness = new Set([plain.brightness]);
  for (const [key, name] of [
    ['2', 'subdural'],
    ['3', 'soft-tissue'],
    ['4', 'bone'],
  ] as const) {
    const drawn = page.waitForResponse((answer) => answer.url().includes(`window=${name}`));
    await page.keyboard.press(key);
    await (await drawn).finished();
    await page.waitForSelector(`button[aria-pressed=true]:has-text("${name}")`);
    brightness.add((await look(page)).brightness);
  }
  expect(brightness.size).toBe(4);
  await page.keyboard.press('h');
  await page.waitForSelector('.viewer .layer');
  expect((await look(page)).coloured).toBeGreaterThan(500);
  await page.context().close();
});

test('a slice that cannot be shown has a sentence in its place, and the next one its picture', async () => {
  const page = await openPage();
  const message = 'The slice in 1.2.3 cannot be shown: it is damaged.';
  await page.route('**/slices/2.png*', (route) => route.fulfill({ status: 422, json: { message } }));
  await plotOf(page).focus();
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowRight');
  await page.waitForSelector(`.viewer [role=alert]:has-text("${message}")`);
  await page.keyboard.press('ArrowRight');
  await page.waitForSelector('.viewer [role=alert]', { state: 'detached' });
  await untilDrawn(page);
  expect(complaints.splice(0).every((one) => one.startsWith('422 ') && one.includes('/slices/2.png'))).toBe(true);
  await page.context().close();
});

test('the plot is walked by keyboard: the slice shown, its position, six scores and thresholds are told', async () => {
  const page = await openPage();
  const plot = plotOf(page);
  await plot.focus();
  for (const [key, number] of [
    ['Home', 1],
    ['ArrowRight', 2],
    ['PageUp', 12],
    ['End', SLICES],
    ['ArrowLeft', SLICES - 1],
    ['PageDown', SLICES - 11],
  ] as const) {
    await page.keyboard.press(key);
    await page.waitForSelector(heading(number));
    const { zMm, probabilities } = slices[number - 1]!;
    expect(await plot.getAttribute('aria-valuenow')).toBe(String(number));
    expect(await plot.getAttribute('aria-valuetext')).toBe(`Slice ${number} of ${SLICES}, z ${zMm.toFixed(1)} mm`);
    const shown = (await page.locator('[aria-live=polite]').textContent())!;
    expect(shown).toContain(`Slice ${number} of ${SLICES}, z ${zMm.toFixed(1)} mm`);
    for (const [place, name] of CLASSES.entries()) {
      const { threshold } = opened.study.findings![name]!;
      expect(shown).toContain(`${name} ${probabilities[place]!.toFixed(2)} of ${threshold.toFixed(2)}`);
    }
  }
  await page.context().close();
});

test('the values of the slice under the mouse are told, a click shows it, and six thresholds are drawn with their names', async () => {
  const page = await openPage();
  const plot = plotOf(page);
  const lines = await plot.locator('.threshold text').allTextContents();
  expect(lines.toSorted()).toEqual(
    CLASSES.map((name, place) => {
      const short = ['EDH', 'IPH', 'IVH', 'SAH', 'SDH', 'Any'][place];
      return `${short} ${opened.study.findings![name]!.threshold.toFixed(2)}`;
    }).sort(),
  );
  const before = await page.textContent('h2:has-text("Slice ")');
  await plot.hover({ position: { x: 46, y: 60 } });
  await page.waitForSelector(`#readout:has-text("Slice 1, z ${slices[0]!.zMm.toFixed(1)} mm")`);
  const shown = (await page.textContent('#readout'))!;
  for (const [place, name] of CLASSES.entries())
    expect(shown).toContain(`${name} ${slices[0]!.probabilities[place]!.toFixed(2)}`);
  expect(await page.textContent('h2:has-text("Slice ")')).toBe(before);
  await plot.click({ position: { x: 46, y: 60 } });
  await page.waitForSelector(heading(1));
  await page.context().close();
});

test('influence is a track of its own, a bar per slice, and the table holds what both plots show', async () => {
  const page = await openPage();
  await page.waitForSelector('h2:has-text("Influence of each slice on")');
  expect(await page.locator('svg[aria-label^="Share of every slice"] rect').count()).toBe(SLICES);
  await page.click('summary:has-text("Values of every slice")');
  await page.waitForSelector('.values td');
  const rows = page.locator('.values tbody tr');
  expect(await rows.count()).toBe(SLICES);
  const cells = await rows.nth(4).locator('th, td').allTextContents();
  const { zMm, probabilities } = slices[4]!;
  expect(cells.slice(0, 8)).toEqual(['5', zMm.toFixed(1), ...probabilities.map((value) => value.toFixed(2))]);
  expect(cells[8]).toMatch(/^\d+\.\d %$/);
  await rows.nth(4).locator('button').click();
  await page.waitForSelector(heading(5));
  await page.context().close();
});

test('key slices are one click away', async () => {
  const page = await openPage();
  const keys = slices.flatMap(({ layer }, index) => (layer === null ? [] : [index + 1]));
  expect(await page.locator('.explained button').allTextContents()).toEqual(keys.map(String));
  await page.keyboard.press('ArrowLeft');
  await page.getByRole('button', { name: `Key slice ${keys[0]}`, exact: true }).click();
  await page.waitForSelector(heading(keys[0]!));
  await page.context().close();
});

test.each([
  ['dark', 'desk'],
  ['light', 'desk'],
  ['dark', 'phone'],
  ['light', 'phone'],
] as const)('axe finds nothing in the %s theme on a %s', async (theme, size) => {
  const page = await openPage(theme, size);
  await page.click('summary:has-text("Values of every slice")');
  await page.waitForSelector('.values td');
  expect(await violations(page)).toEqual([]);
  await page.click('summary:has-text("Values of every slice")');
  expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
  expect(
    await page.evaluate(
      "[...document.querySelectorAll('.verdicts button, .viewer + .tools *')].every((one) => one.getBoundingClientRect().right <= one.closest('.card').getBoundingClientRect().right)",
    ),
  ).toBe(true);
  await page.setViewportSize({ ...SIZES[size], height: size === 'desk' ? 1700 : 2600 });
  await page.evaluate("document.querySelector('main').scrollTop = 0");
  await page.screenshot({ path: join(SCREENSHOTS, `study-${theme}-${size}.png`) });
  await page.context().close();
});

/** The pages as a reading room meets them: in Chromium, live, in both themes, with feedback and after a restart. */

import { loadConfig } from '@ichor/settings/config';
import { HEMORRHAGE } from '@ichor/shared/target';
import { type Database, openDatabase } from '@ichor/store/postgres/database';
import { createLog } from '@ichor/telemetry/log';
import { startWorklistRole } from '@ichor/worklist/worklist';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { violations } from '../support/axe.ts';
import { openBrowser, watchComplaints } from '../support/browser.ts';
import { freePort } from '../support/ichor.ts';
import { addNotifiedResult, lanesFor } from '../support/notifications.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';
import { addDelivery, addResult, addStudy, emptyTables } from '../support/worklistRows.ts';

const log = createLog({ logLevel: 'silent' }, 'test');
let postgres: TestPostgres;
let folder: WorkFolder;
let database: Database;
let browser: Browser;
let config: ReturnType<typeof loadConfig>;
let role: Awaited<ReturnType<typeof startWorklistRole>>;
let url: string;
beforeAll(async () => {
  [postgres, folder] = [await startPostgres(), await openWorkFolder('page')];
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  config = {
    ...loadConfig({
      ICHOR_DATABASE_URL: postgres.url,
      ICHOR_DATA_DIR: folder.path,
      ICHOR_HTTP_PORT: String(port),
      ICHOR_LOG_LEVEL: 'silent',
    }),
    signIn: false,
  };
  database = await openDatabase(config, log);
  role = await startWorklistRole(config, log);
  browser = await openBrowser();
});
afterAll(async () => {
  await browser?.close();
  await role?.close();
  await database?.close();
  await postgres?.stop();
  await folder?.remove();
});
beforeEach(() => emptyTables(database));
afterEach(() => expect(complaints.splice(0)).toEqual([]));

const complaints: string[] = [];
async function openPage(path: string, colorScheme: 'dark' | 'light' = 'dark'): Promise<Page> {
  const context = await browser.newContext({ colorScheme, viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  watchComplaints(page, complaints);
  await page.goto(url + path);
  return page;
}
async function addDeadNotification(uid: string): Promise<void> {
  await addNotifiedResult(database, lanesFor({ ICHOR_HL7_DESTINATIONS: 'ris.example:2575' }), {
    uid,
    state: 'flagged',
  });
  await database.pool.query(`UPDATE notification SET state = 'dead', attempts = 7, error = 'AR: no such order'`);
}
const firstRow = (text: string) => `.rows li:first-child:has-text("${text}")`;

test('a study that becomes positive while the page is open moves to the top without a reload', async () => {
  for (const name of ['A', 'B'] as const)
    await addStudy(database, { uid: name === 'A' ? '1.2.1' : '1.2.2', state: 'clear', accessionNumber: `ACC-${name}` });
  const page = await openPage('/');
  await page.waitForSelector('.rows li');
  await page.evaluate('window.sameDocument = true');
  await addStudy(database, { uid: '1.2.3', state: 'receiving', accessionNumber: 'ACC-NEW' });
  await addResult(database, '1.2.3', 'flagged');
  await page.waitForSelector(firstRow('ACC-NEW'));
  expect(await page.textContent('.rows li:first-child')).toContain('Positive');
  expect(await page.evaluate('window.sameDocument')).toBe(true);
  await page.context().close();
});

test('feedback is stored, shown, and the latest of a reader counts', async () => {
  await addStudy(database, { uid: '1.2.3', state: 'receiving', accessionNumber: 'ACC-1' });
  await addResult(database, '1.2.3', 'flagged');
  const [page, other] = [await openPage('/studies/1.2.3'), await openPage('/studies/1.2.3')];
  await other.waitForSelector('[data-verdict=subdural-agree]');
  await page.fill('[aria-label="Comment on subdural"]', 'motion');
  await page.click('[data-verdict=subdural-disagree]');
  await other.waitForSelector('.said:has-text("disagree – motion")');
  await page.click('[data-verdict=subdural-agree]');
  await other.waitForSelector('.said:has-text("Demo: agree")');
  expect(await other.locator('.said').count()).toBe(1);
  const { rows } = await database.pool.query('SELECT verdict, reader FROM feedback ORDER BY feedback_id');
  expect(rows).toEqual([
    { verdict: 'disagree', reader: 'demo' },
    { verdict: 'agree', reader: 'demo' },
  ]);
  for (const one of [page, other]) await one.context().close();
});

test('a study of a model that looks for something else shows its own classes, in list, filter and page', async () => {
  await addStudy(database, { uid: '1.2.3', state: 'receiving', accessionNumber: 'ACC-1' });
  const resultId = await addResult(database, '1.2.3', 'flagged');
  const kinds = [
    { ...HEMORRHAGE.classes[0], name: 'spot', abbreviation: 'Spot' },
    { ...HEMORRHAGE.classes[1], name: 'large', abbreviation: 'Big' },
  ];
  const target = { ...HEMORRHAGE, name: 'bright spots', general: 'spot', decides: 'spot', classes: kinds };
  const finding = (score: number) => ({ score, threshold: 0.5, present: score >= 0.5 });
  await database.pool.query("INSERT INTO model_target VALUES ('cd', $1)", [JSON.stringify(target)]);
  await database.pool.query(
    "UPDATE result SET model_sha256 = 'cd', findings = $2, key_slices = '[]' WHERE result_id = $1",
    [resultId, JSON.stringify({ large: finding(0.3), spot: finding(0.9) })],
  );
  const page = await openPage('/');
  await page.waitForSelector('.rows li:has-text("spot, kind undetermined")');
  expect(await page.getAttribute('.bars', 'aria-label')).toBe('Scores: spot 0.90, large 0.30');
  expect(await page.locator('.bars small').allTextContents()).toEqual(['Spot', 'Big']);
  await page.selectOption('select >> nth=1', 'large');
  await page.waitForSelector('.empty');
  await page.selectOption('select >> nth=1', 'spot');
  await page.click('.rows a');
  await page.waitForSelector('.verdicts');
  expect(await page.locator('tbody th').allTextContents()).toEqual(['spot present', 'large undetermined']);
  await page.click('[data-verdict=large-agree]');
  await page.waitForSelector('.said:has-text("Demo: agree")');
  await page.context().close();
});

test.each(['dark', 'light'] as const)('axe finds nothing on any page in the %s theme', async (theme) => {
  await addStudy(database, { uid: '1.2.3', state: 'receiving', accessionNumber: 'ACC-1' });
  const resultId = await addResult(database, '1.2.3', 'flagged');
  const delivery = { kind: 'SR', uid: '2.25.1', destination: 'PACS', state: 'dead', attempts: 9 } as const;
  await addDelivery(database, resultId, delivery);
  await addStudy(database, { uid: '1.2.4', state: 'not-analysed' });
  await addStudy(database, { uid: '1.2.5', state: 'clear' });
  await addDeadNotification('1.2.6');
  for (const [path, ready] of [
    ['/', '.rows li'],
    ['/studies/1.2.3', '.verdicts'],
    ['/figures', '.card'],
    ['/notifications', 'td'],
  ] as const) {
    const page = await openPage(path, theme);
    await page.waitForSelector(ready);
    expect(await page.textContent('.notice')).toContain('Not for diagnostic use');
    expect(await violations(page)).toEqual([]);
    await page.context().close();
  }
});

test('a dead letter shows in the header while the page is open, and goes out again from its own', async () => {
  const page = await openPage('/');
  await page.waitForSelector('nav a:has-text("Notifications")');
  expect(await page.locator('.badge').count()).toBe(0);
  await addDeadNotification('1.2.3');
  await database.pool.query(`INSERT INTO incident (code, message) VALUES ('NOTIFICATION_REFUSED', 'AR')`);
  await page.click('nav a:has-text("1 dead")');
  await page.waitForSelector('td:has-text("AR: no such order")');
  await page.click('[data-resend]');
  await page.waitForSelector('[role=status]:has-text("It is due again")');
  await page.waitForSelector('.badge', { state: 'detached' });
  await page.selectOption('#state', 'pending');
  await page.waitForSelector('td:has-text("pending")');
  expect((await database.pool.query('SELECT state FROM notification')).rows).toEqual([{ state: 'pending' }]);
  await page.context().close();
});

test('the dead letters of a destination go out at once, and a change shows in the filter that is chosen', async () => {
  for (const uid of ['1.2.3', '1.2.4']) await addDeadNotification(uid);
  const page = await openPage('/notifications');
  await page.click('button:has-text("Send 2 dead to HL7 ris.example:2575 again")');
  await page.waitForSelector('.empty');
  await page.selectOption('#state', 'delivered');
  await database.pool.query(`UPDATE notification SET state = 'delivered' WHERE study_instance_uid = '1.2.3'`);
  await page.waitForSelector('tbody tr');
  expect(await page.locator('tbody tr').allTextContents()).toEqual([expect.stringContaining('delivered')]);
  await page.context().close();
});

test('says that the connection is lost, and shows what came in between after the server is back', async () => {
  await addStudy(database, { uid: '1.2.1', state: 'clear', accessionNumber: 'ACC-A' });
  const page = await openPage('/');
  await page.waitForSelector('.rows li');
  await role.close();
  await page.waitForSelector('[role=alert]:has-text("Connection lost")');
  await addStudy(database, { uid: '1.2.2', state: 'failed', accessionNumber: 'ACC-B' });
  role = await startWorklistRole(config, log);
  await page.waitForSelector(firstRow('ACC-B'));
  expect(await page.locator('.lost').count()).toBe(0);
  await page.context().close();
});

test('10,000 studies: few rows in the document, and the end is reached by scrolling', async () => {
  await database.pool.query(
    `INSERT INTO study (study_instance_uid, state, priority, accession_number)
     SELECT '1.2.' || n, 'clear', 3, 'ACC-' || n FROM generate_series(1, 10000) n`,
  );
  const page = await openPage('/');
  await page.waitForSelector('.rows li');
  const paint = await page.waitForFunction("performance.getEntriesByName('first-contentful-paint')[0]?.startTime");
  const paintMs = await paint.jsonValue();
  console.log(`10,000 studies: first paint after ${Math.round(Number(paintMs))} ms`);
  expect(await page.locator('.rows li').count()).toBeLessThan(60);
  for (let loaded = 0; loaded < 1000; )
    loaded = Number(
      await page.evaluate(
        "(() => { const box = document.querySelector('.scroller'); box.scrollTop = box.scrollHeight; return parseInt(document.querySelector('.count').textContent) })()",
      ),
    );
  expect(await page.locator('.rows li').count()).toBeLessThan(60);
  await page.fill('#search', 'ACC-9999');
  await page.waitForSelector(firstRow('ACC-9999'));
  await page.context().close();
});

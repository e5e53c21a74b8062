/** What each role is shown, in Chromium. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { openBrowser, watchComplaints } from '../support/browser.ts';
import { PASSWORD, type SignedInWorklist, startSignedInWorklist } from '../support/signedIn.ts';
import { addResult, addStudy, emptyTables } from '../support/worklistRows.ts';

let worklist: SignedInWorklist;
let browser: Browser;
beforeAll(async () => {
  [worklist, browser] = await Promise.all([startSignedInWorklist(), openBrowser()]);
  await worklist.addUser('vera', 'viewer');
  await worklist.addUser('rada', 'radiologist');
  await worklist.addUser('adam', 'administrator');
});
afterAll(async () => {
  await browser?.close();
  await worklist?.stop();
});
beforeEach(async () => {
  await emptyTables(worklist.database);
  await addStudy(worklist.database, { uid: '1.2.3', state: 'receiving', patientName: 'Doe^Jane', patientId: 'P-17' });
  await addResult(worklist.database, '1.2.3', 'flagged');
});

const complaints: string[] = [];
afterEach(() => expect(complaints.splice(0)).toEqual([]));

/** The study's page, as one of these people sees it after signing in there. */
async function studyOf(name: string): Promise<Page> {
  const page = await (await browser.newContext({ colorScheme: 'dark' })).newPage();
  watchComplaints(page, complaints);
  await page.goto(`${worklist.url}/studies/1.2.3`);
  await page.fill('#name', name);
  await page.fill('#password', PASSWORD);
  await Promise.all([page.waitForResponse(/\/api\/me$/), page.click('form button:has-text("Sign in")')]);
  await page.waitForSelector('th:has-text("subdural")');
  return page;
}

test.each([
  ['vera', { verdicts: 0, notifications: 0 }],
  ['rada', { verdicts: 18, notifications: 0 }],
  ['adam', { verdicts: 18, notifications: 1 }],
])('%s is shown what the role may do and no more: %j', async (name, expected) => {
  const page = await studyOf(name);
  await page.waitForSelector(expected.verdicts > 0 ? '[data-verdict]' : 'th:has-text("Verdicts")');
  const verdicts = await page.locator('[data-verdict]').count();
  const notifications = await page.locator('nav a:has-text("Notifications")').count();
  expect({ verdicts, notifications }).toEqual(expected);
  await page.context().close();
});

test('after signing out the page is gone, also with the back button', async () => {
  const page = await studyOf('rada');
  await page.goto(`${worklist.url}/account`);
  await page.click('button:has-text("Sign out")');
  await page.waitForSelector('text=You are signed out of Ichor');
  await page.goBack();
  await page.waitForSelector('#password');
  expect(await page.textContent('main')).not.toContain('Rada');
  await page.context().close();
});

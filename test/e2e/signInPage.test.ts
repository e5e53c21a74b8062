/** The pages of sign-in as a person meets them: in Chromium, by keyboard, without script, in both themes. */
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { violations } from '../support/axe.ts';
import { openBrowser, watchComplaints } from '../support/browser.ts';
import { ROOT } from '../support/ichor.ts';
import { PASSWORD, type SignedInWorklist, startSignedInWorklist } from '../support/signedIn.ts';

const OUTPUT = join(ROOT, 'test-output', 'sign-in');
let worklist: SignedInWorklist;
let browser: Browser;
beforeAll(async () => {
  worklist = await startSignedInWorklist();
  await worklist.addUser('adam', 'administrator');
  browser = await openBrowser();
});
afterAll(async () => {
  await browser?.close();
  await worklist?.stop();
});

const complaints: string[] = [];
afterEach(() => expect(complaints.splice(0)).toEqual([]));

test.each(['light', 'dark'] as const)(
  'in the %s theme axe finds nothing, and a wrong password is told',
  async (colorScheme) => {
    const context = await browser.newContext({ colorScheme, viewport: { width: 390, height: 844 } });
    const page = await context.newPage();
    watchComplaints(page, complaints);
    await page.goto(`${worklist.url}/account`);
    expect(await page.textContent('body')).toContain('Not for diagnostic use');
    expect(await violations(page, 'best-practice')).toEqual([]);
    await page.screenshot({ path: join(OUTPUT, `sign-in-${colorScheme}.png`) });
    await page.fill('#name', 'adam');
    await page.fill('#password', 'wrong');
    await page.keyboard.press('Enter');
    await page.waitForSelector('[role=alert]');
    expect(await page.textContent('[role=alert]')).toBe('The user name or the password is wrong.');
    expect(await violations(page, 'best-practice')).toEqual([]);
    await page.screenshot({ path: join(OUTPUT, `wrong-${colorScheme}.png`) });
    await page.fill('#password', PASSWORD);
    await page.keyboard.press('Enter');
    await page.waitForURL(`${worklist.url}/account`);
    for (const path of ['/account', '/audit']) {
      await page.goto(worklist.url + path);
      expect(await violations(page, 'best-practice')).toEqual([]);
      await page.screenshot({ path: join(OUTPUT, `${path.slice(1)}-${colorScheme}.png`) });
    }
    await context.close();
  },
);

test('sign-in, password change and sign-out work by real forms with script switched off', async () => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(`${worklist.url}/account`);
  const signIn = async (password: string): Promise<void> => {
    await page.fill('#name', 'adam');
    await page.fill('#password', password);
    await page.click('button');
  };
  await signIn(PASSWORD);
  await page.waitForURL(`${worklist.url}/account`);
  const next = 'quite another password';
  for (const [field, value] of [
    ['current', PASSWORD],
    ['next', next],
    ['again', next],
  ] as const)
    await page.fill(`#${field}`, value);
  await page.click('text=Change the password >> nth=1');
  expect(await page.textContent('[role=status]')).toContain('The password is changed');
  await page.click('text=Sign out');
  expect(await page.textContent('h1')).toBe('Signed out');
  await page.goto(`${worklist.url}/audit`);
  await signIn(next);
  await page.waitForURL(`${worklist.url}/audit`);
  await context.close();
});

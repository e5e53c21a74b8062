/** The study page of a bundle that looks for something else: slices, plots and thresholds of its own classes, in Chromium. */
import { join } from 'node:path';
import { type Inference, startInference } from '@ichor/analysis/inference/inference';
import { loadConfig } from '@ichor/settings/config';
import { triageStudy } from '@ichor/worker/triageStudy';
import { startWorklistRole } from '@ichor/worklist/worklist';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { violations } from '../support/axe.ts';
import { openBrowser, watchComplaints } from '../support/browser.ts';
import { freePort } from '../support/ichor.ts';
import { silentLog } from '../support/postgres.ts';
import { openTriageBench, type TriageBench } from '../support/triage.ts';
import { BRIGHT, writeTwoClassBundle } from '../support/twoClassBundle.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';

let bench: TriageBench;
let folder: WorkFolder;
let inference: Inference;
let browser: Browser;
let role: Awaited<ReturnType<typeof startWorklistRole>>;
let url: string;
beforeAll(async () => {
  [bench, folder] = [await openTriageBench(), await openWorkFolder('two-classes')];
  const bundle = await writeTwoClassBundle(join(folder.path, 'bundle'));
  inference = await startInference(loadConfig({ ICHOR_MODEL: bundle }), silentLog);
  const job = await bench.addStudy(17, { bleeds: ['intraparenchymal'], ...BRIGHT });
  const parts = bench.context({ inference });
  await triageStudy(parts, job, true);
  const httpPort = await freePort();
  role = await startWorklistRole({ ...parts.config, httpPort, signIn: false }, silentLog);
  url = `http://127.0.0.1:${httpPort}/studies/${job.studyInstanceUid}`;
  browser = await openBrowser();
});
afterAll(async () => {
  await browser?.close();
  await role?.close();
  await inference?.close();
  await bench?.stop();
  await folder?.remove();
});

test('the study page draws its two classes with their thresholds, and tells what drove the kind that is present', async () => {
  const page = await browser.newPage({ viewport: { width: 1280, height: 1000 } });
  const complaints: string[] = [];
  watchComplaints(page, complaints);
  await page.goto(url);
  await page.waitForSelector('#readout');
  expect((await page.locator('.threshold text').allTextContents()).toSorted()).toEqual(['Big 0.50', 'Spot 0.50']);
  expect(await page.textContent('#readout')).toMatch(/spot 1\.00 from 0\.50.*large 0\.\d\d from 0\.50.*influence/);
  await page.waitForSelector('h2:has-text("Influence of each slice on large")');
  await page.click('summary:has-text("Values of every slice")');
  await page.waitForSelector('.values thead th');
  expect(await page.locator('.values thead th').allTextContents()).toEqual([
    ...['Slice', 'z, mm', 'spotfrom 0.50', 'largefrom 0.50', 'influence on large'],
  ]);
  expect(await page.textContent('.explained')).toMatch(/What drove large 0\.\d\d:/);
  expect(await page.textContent('.report')).toContain('Large bright spot');
  expect(await violations(page)).toEqual([]);
  expect(complaints).toEqual([]);
});

/** What a radiologist sees: the report's text and the heat maps in OHIF, read from the hospital's PACS. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { StudyView } from '@ichor/shared/study';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { openBrowser } from '../support/browser.ts';
import {
  COMPREHENSIVE_3D_SR,
  expectCommitted,
  type Hospital,
  openHospital,
  phantomThrough,
  removePhantoms,
  SECONDARY_CAPTURE,
} from '../support/hospital.ts';
import { eventually, freePort } from '../support/ichor.ts';
import { startViewer, type Viewer } from '../support/ohif.ts';

const SCREENSHOTS = join(import.meta.dirname, '..', '..', 'test-output', 'screenshots');
const [WIDTH, HEIGHT] = [1600, 1000];
const PATIENCE_MS = 90_000;

let hospital: Hospital;
let viewer: Viewer;
let browser: Browser;
let study: StudyView;
beforeAll(async () => {
  await mkdir(SCREENSHOTS, { recursive: true });
  const port = await freePort();
  hospital = await openHospital([[]], {
    ICHOR_VIEWER_URL: `http://127.0.0.1:${port}/viewer?StudyInstanceUIDs={studyInstanceUid}&initialSeriesInstanceUID={seriesInstanceUid}`,
  });
  viewer = await startViewer(hospital.orthanc.url, port);
  browser = await openBrowser();
  study = await phantomThrough(hospital, 'viewed', ['subdural', 'intraparenchymal']);
  await expectCommitted(hospital, study.studyInstanceUid, [COMPREHENSIVE_3D_SR, SECONDARY_CAPTURE]);
});
afterAll(async () => {
  await browser?.close();
  await viewer?.close();
  await hospital?.stop();
  await removePhantoms();
});

test('the report opens in OHIF, its conclusion, findings, scores, model and limits readable as text', async () => {
  const { page, problems } = await open(COMPREHENSIVE_3D_SR);
  await page.getByText('FLAGGED: suspicion of intracranial hemorrhage').first().waitFor({ timeout: PATIENCE_MS });
  await page.screenshot({ path: join(SCREENSHOTS, 'ohif-report.png') });
  const text = ((await page.locator('body').textContent()) ?? '').replaceAll(/\s+/g, ' ');
  const { findings, model } = study;
  for (const name of [
    'Intracranial hemorrhage, any',
    'Epidural',
    'Intraparenchymal',
    'Intraventricular',
    'Subarachnoid',
  ])
    expect(text).toContain(name);
  expect(text).toContain(`${Math.round(findings!.any!.score * 1000) / 10} %`);
  expect(text).toContain(`${model!.name} ${model!.version}`);
  expect(text).toContain('Not a medical device; not for diagnostic use.');
  expect(text).toContain('The absence of a flag is not a negative read');
  expect(problems).toEqual([]);
});

test('the heat-map series opens in OHIF as pictures in colour', async () => {
  const { page, problems } = await open(SECONDARY_CAPTURE);
  const picture = page.locator('.cornerstone-canvas').first();
  await picture.waitFor({ timeout: PATIENCE_MS });
  const colours = await eventually('a coloured heat map', async () => {
    const share = await colouredShare(await picture.screenshot());
    return share > 0.01 ? share : null;
  });
  await page.screenshot({ path: join(SCREENSHOTS, 'ohif-heatmaps.png') });
  expect(colours).toBeLessThan(0.9);
  expect(problems).toEqual([]);
});

test('the study page tells the scores and the influence of the slice under the mouse, and a click shows it', async () => {
  const page = await openStudyPage();
  const readout = page.locator('#readout');
  await readout.waitFor({ timeout: PATIENCE_MS });
  const slices = study.receivedInstances;
  const bars = page.locator('svg[aria-label^="Share of every slice"] rect');
  expect(await bars.count()).toBe(slices);
  const plot = page.locator('svg[aria-label^="Score of every finding"]');
  const { width } = (await plot.boundingBox())!;
  await plot.hover({ position: { x: width - 3, y: 40 } });
  await page.waitForSelector(`#readout:has-text("Slice ${slices}")`);
  const shown = (await readout.textContent())!.match(/subdural (\d\.\d\d) from (\d\.\d\d)/)!;
  expect(Number(shown[2])).toBeCloseTo(study.findings!.subdural!.threshold, 2);
  await plot.click({ position: { x: width - 3, y: 40 } });
  await page.waitForSelector(`h2:has-text("Slice ${slices} of ${slices}")`);
  await page.keyboard.press('ArrowLeft');
  await page.waitForSelector(`h2:has-text("Slice ${slices - 1} of ${slices}")`);
  await page.screenshot({ path: join(SCREENSHOTS, 'study-page.png'), fullPage: true });
  const shares = await detailShares();
  expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 1);
});

async function detailShares(): Promise<number[]> {
  const answer = await fetch(`http://127.0.0.1:${hospital.api.httpPort}/api/studies/${study.studyInstanceUid}/detail`, {
    headers: { authorization: `Bearer ${hospital.api.token}` },
  });
  const { slices } = (await answer.json()) as { slices: { influence: { any: number } }[] };
  return slices.map(({ influence }) => influence.any);
}

async function openStudyPage(): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: WIDTH, height: HEIGHT } });
  await page.setExtraHTTPHeaders({ authorization: `Bearer ${hospital.api.token}` });
  await page.goto(`http://127.0.0.1:${hospital.api.httpPort}/studies/${study.studyInstanceUid}`);
  return page;
}

test('the link on the study page of the worklist opens OHIF on the report of that study', async () => {
  const worklist = await openStudyPage();
  const opened = worklist.waitForEvent('popup', { timeout: PATIENCE_MS });
  await worklist.getByText('Open in the viewer').click({ timeout: PATIENCE_MS });
  const page = await opened;
  await page.getByText('Skip all').click({ timeout: PATIENCE_MS });
  await page.getByText('Confirm and hide').click();
  await page.getByText('FLAGGED: suspicion of intracranial hemorrhage').first().waitFor({ timeout: PATIENCE_MS });
  const address = new URL(page.url());
  expect(address.origin).toBe(viewer.url);
  expect(address.searchParams.get('StudyInstanceUIDs')).toBe(study.studyInstanceUid);
});

/** Share of pixels that are clearly no grey. */
async function colouredShare(png: Buffer): Promise<number> {
  const { data, info } = await sharp(png).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  let coloured = 0;
  for (let at = 0; at < data.length; at += info.channels)
    if (Math.max(data[at]!, data[at + 1]!, data[at + 2]!) - Math.min(data[at]!, data[at + 1]!, data[at + 2]!) > 60)
      coloured++;
  return coloured / (info.width * info.height);
}

/** The study in the viewer, the series of one SOP Class shown first. */
async function open(sopClassUid: string): Promise<{ page: Page; problems: string[] }> {
  const series = await seriesOf(sopClassUid);
  const page = await browser.newPage({ viewport: { width: WIDTH, height: HEIGHT } });
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(error.message));
  await page.goto(
    `${viewer.url}/viewer?StudyInstanceUIDs=${study.studyInstanceUid}&initialSeriesInstanceUID=${series}`,
  );
  await page.getByText('Skip all').click({ timeout: PATIENCE_MS });
  await page.getByText('Confirm and hide').click();
  return { page, problems };
}

async function seriesOf(sopClassUid: string): Promise<string> {
  const found = await hospital.orthanc.post<{ ParentSeries: string }[]>('/tools/find', {
    Level: 'Instance',
    Query: { StudyInstanceUID: study.studyInstanceUid, SOPClassUID: sopClassUid },
    Expand: true,
  });
  const series = await hospital.orthanc.get<{ MainDicomTags: { SeriesInstanceUID: string } }>(
    `/series/${found[0]!.ParentSeries}`,
  );
  return series.MainDicomTags.SeriesInstanceUID;
}

/**
 * The worklist in Chromium with 10,000 studies, against the same page with 10 in the same run: first paint, scrolling, search, filters, a
 * change while everything is loaded, and the API beneath. A whole Ichor process answers, a signed-in radiologist looks.
 */
import type { BrowserContext, CDPSession, Page } from 'playwright-core';
import { openBrowser } from '../test/support/browser.ts';
import { addHistory, openReadingRoom, type ReadingRoom } from '../test/support/readingRoom.ts';

const FEW = 10;
const MANY = 10_000;
const RUNS = 5;
const SCROLL_MS = 6_000;
const PIXELS_PER_MS = 4;
/** Two frames of a display at 60 Hz: what is slower is seen. */
const JERK_MS = 34;

type Measured = Readonly<
  Record<
    'firstPaintMs' | 'firstRowsMs' | 'apiFirstMs' | 'apiLastMs' | 'apiSearchMs' | 'searchMs' | 'filterMs' | 'changeMs',
    number
  >
> & { readonly scrolling: Scrolling; readonly plainScrolling: Scrolling };
/** Times of frames, and processor time of the page's main thread for each, which a busy machine does not change. */
type Scrolling = Readonly<Record<'frameMs' | 'worstFrameMs' | 'jerkShare' | 'workMs', number>>;

/** Notes when rows are first in the document and painted. */
const WATCH = `addEventListener('DOMContentLoaded', () => new MutationObserver((_all, observer) => {
  if (!document.querySelector('.rows li')) return;
  observer.disconnect();
  requestAnimationFrame(() => requestAnimationFrame(() => { document.documentElement.dataset.rowsAt = performance.now(); }));
}).observe(document, { childList: true, subtree: true }))`;

/** The floor of scrolling: the same rows as plain HTML, a thousand of them, without any script. */
const PLAIN = `(() => {
  const box = document.querySelector('.scroller').cloneNode(true);
  const list = box.querySelector('.rows');
  const rows = [...list.children];
  const height = rows[0].offsetHeight || parseInt(rows[0].style.height);
  list.style.height = 1000 * height + 'px';
  list.replaceChildren(...Array.from({ length: 1000 }, (_, index) => {
    const row = rows[index % rows.length].cloneNode(true);
    row.style.top = index * height + 'px';
    return row;
  }));
  document.querySelector('.scroller').replaceWith(box);
})()`;

export async function printWorklist(): Promise<void> {
  const room = await openReadingRoom({ slices: 24, matrix: 256 });
  const browser = await openBrowser('plain');
  try {
    const measureWith = async (studies: number): Promise<Measured> => {
      await addHistory(room.database, studies, 10);
      const context = await browser.newContext({ viewport: { width: 1600, height: 1000 } });
      await context.addInitScript(WATCH);
      await room.signIn(context, 'rada');
      return measure(room, context).finally(() => context.close());
    };
    const few = await measureWith(FEW);
    print(few, await measureWith(MANY));
  } finally {
    await browser.close();
    await room.stop();
  }
}

async function measure(room: ReadingRoom, context: BrowserContext): Promise<Measured> {
  const opened: { firstPaintMs: number; firstRowsMs: number }[] = [];
  for (let run = 0; run < RUNS; run++) opened.push(await openList(room, context));
  const page = await context.newPage();
  await page.goto(`${room.url}/`);
  await page.waitForSelector('.rows li');
  const api = {
    apiFirstMs: await apiMs(page, ''),
    apiSearchMs: await apiMs(page, '&search=okafor'),
    apiLastMs: await lastPageMs(page),
  };
  await loadEverything(page);
  const scrolling = await scroll(page);
  const answers = {
    changeMs: await repeated(() => change(room, page)),
    searchMs: await repeated(() => searchMs(page)),
    filterMs: await repeated(() => filterMs(page)),
  };
  await page.evaluate(PLAIN);
  return {
    scrolling,
    plainScrolling: await scroll(page),
    ...answers,
    firstPaintMs: median(opened.map((one) => one.firstPaintMs)),
    firstRowsMs: median(opened.map((one) => one.firstRowsMs)),
    ...api,
  };
}

async function openList(room: ReadingRoom, context: BrowserContext) {
  const page = await context.newPage();
  await page.goto(`${room.url}/`);
  await page.waitForSelector('html[data-rows-at]');
  const firstPaintMs = await page.evaluate<number>(
    "performance.getEntriesByName('first-contentful-paint')[0].startTime",
  );
  const firstRowsMs = await page.evaluate<number>('Number(document.documentElement.dataset.rowsAt)');
  await page.close();
  return { firstPaintMs, firstRowsMs };
}

/** Median time of a page of 200 studies, answer read. */
const apiMs = (page: Page, query: string): Promise<number> =>
  page.evaluate(`(async () => {
    const times = [];
    for (let run = 0; run < ${RUNS}; run++) {
      const started = performance.now();
      await (await fetch('/api/studies?limit=200${query}')).json();
      times.push(performance.now() - started);
    }
    return times.sort((a, b) => a - b)[${Math.floor(RUNS / 2)}];
  })()`);

const lastPageMs = (page: Page): Promise<number> =>
  page.evaluate(`(async () => {
    for (let cursor = null, ms; ; ) {
      const started = performance.now();
      const answer = await (await fetch('/api/studies?limit=200' + (cursor ? '&cursor=' + cursor : ''))).json();
      ms = performance.now() - started;
      cursor = answer.next;
      if (cursor === null) return ms;
    }
  })()`);

/** Scrolls to the end until nothing more comes. */
const loadEverything = (page: Page): Promise<void> =>
  page.evaluate(`(async () => {
    const box = document.querySelector('.scroller');
    while (document.querySelector('.count').textContent.includes('+')) {
      box.scrollTop = box.scrollHeight;
      await new Promise(requestAnimationFrame);
    }
    box.scrollTop = 0;
  })()`);

async function scroll(page: Page): Promise<Scrolling> {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  const before = await mainThreadMs(session);
  const frames = await framesOf(page);
  const workMs = ((await mainThreadMs(session)) - before) / frames.length;
  await session.detach();
  return {
    frameMs: median(frames),
    worstFrameMs: Math.max(...frames),
    jerkShare: frames.filter((ms) => ms > JERK_MS).length / frames.length,
    workMs,
  };
}

/** Down and up at a reader's quick pace. @returns ms of each frame */
const framesOf = (page: Page): Promise<number[]> =>
  page.evaluate(`new Promise((resolve) => {
    const box = document.querySelector('.scroller');
    const frames = [];
    let [started, last] = [performance.now(), performance.now()];
    const step = (now) => {
      frames.push(now - last);
      last = now;
      const range = Math.max(1, box.scrollHeight - box.clientHeight);
      const way = ((now - started) * ${PIXELS_PER_MS}) % (2 * range);
      box.scrollTop = way < range ? way : 2 * range - way;
      if (now - started < ${SCROLL_MS}) requestAnimationFrame(step);
      else { box.scrollTop = 0; resolve(frames.slice(2)); }
    };
    requestAnimationFrame(step);
  })`);

async function mainThreadMs(session: CDPSession): Promise<number> {
  const { metrics } = await session.send('Performance.getMetrics');
  return metrics.find(({ name }) => name === 'ThreadTime')!.value * 1000;
}

/** From the database's change of a study to its row on top. */
async function change({ database }: ReadingRoom, page: Page): Promise<number> {
  const { rows } = await database.pool.query(
    "SELECT study_instance_uid, accession_number FROM study WHERE state = 'clear' ORDER BY first_instance_at DESC LIMIT 1",
  );
  const [{ study_instance_uid: uid, accession_number: accession }] = rows;
  const started = performance.now();
  await database.pool.query("UPDATE study SET state = 'flagged', priority = 1 WHERE study_instance_uid = $1", [uid]);
  await page.waitForSelector(`.rows li:first-child:has-text("${accession}")`);
  const ms = performance.now() - started;
  await database.pool.query("UPDATE study SET state = 'clear', priority = 3 WHERE study_instance_uid = $1", [uid]);
  await page.waitForSelector(`.rows li:first-child:not(:has-text("${accession}"))`);
  return ms;
}

async function searchMs(page: Page): Promise<number> {
  const wanted = await page.evaluate<string>("[...document.querySelectorAll('.rows li a')].at(-1).textContent");
  const started = performance.now();
  await page.fill('#search', wanted);
  await page.waitForSelector('.count:text-matches("^1 studies")');
  const ms = performance.now() - started;
  await page.fill('#search', '');
  await page.waitForSelector('.rows li:nth-child(5)');
  return ms;
}

async function filterMs(page: Page): Promise<number> {
  const started = performance.now();
  await page.getByLabel('State').selectOption('clear');
  await page.waitForSelector('.rows li.clear:first-child');
  const ms = performance.now() - started;
  await page.getByLabel('State').selectOption('');
  await page.waitForSelector('.rows li.flagged:first-child');
  return ms;
}

async function repeated(measureOnce: () => Promise<number>): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < RUNS; run++) times.push(await measureOnce());
  return median(times);
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

function print(few: Measured, many: Measured): void {
  console.log(`\nThe worklist in Chromium: ${FEW} studies → ${MANY.toLocaleString('en')} (medians of ${RUNS})`);
  const line = (what: string, before: number, after: number, goal: string, digits = 0) =>
    console.log(
      `  ${what.padEnd(50)} ${before.toFixed(digits).padStart(6)} → ${after.toFixed(digits).padStart(6)}   ratio ${(after / before).toFixed(2).padStart(5)}   ${goal}`,
    );
  line('first paint, ms', few.firstPaintMs, many.firstPaintMs, 'goal: under 1,500');
  line('first rows painted, ms', few.firstRowsMs, many.firstRowsMs, 'goal: under 1,500');
  line('search, from typing to the row (250 of it wait), ms', few.searchMs, many.searchMs, 'goal: under 1,000');
  line('filter by state, to its rows, ms', few.filterMs, many.filterMs, 'goal: under 500');
  line('a study turns positive, to its row on top, ms', few.changeMs, many.changeMs, 'goal: under 1,000');
  line('API: first 200 studies, ms', few.apiFirstMs, many.apiFirstMs, 'goal: under 250');
  line('API: search by patient, ms', few.apiSearchMs, many.apiSearchMs, 'goal: under 250');
  line('API: last page, ms', few.apiLastMs, many.apiLastMs, 'goal: under 250');
  const [plain, page] = [many.plainScrolling, many.scrolling];
  console.log(
    `  Scrolling at ${PIXELS_PER_MS} pixels per ms: the same rows as plain HTML without script → ${MANY.toLocaleString('en')} studies`,
  );
  line('median frame, ms', plain.frameMs, page.frameMs, 'goal: 17, or the floor', 1);
  line('worst frame, ms', plain.worstFrameMs, page.worstFrameMs, '', 1);
  line('frames over 33 ms, %', 100 * plain.jerkShare, 100 * page.jerkShare, 'goal: under 2, or the floor', 1);
  line('processor time of the main thread per frame, ms', plain.workMs, page.workMs, 'goal: under 8', 1);
}

/** `npm run screenshots`: the pictures of docs/worklist.md, from a reading room with five weeks of history and from the demo. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { openBrowser } from './browser.ts';
import { makePeer, PEERS } from './hl7Peers.ts';
import { eventually, freePort, ROOT } from './ichor.ts';
import { addHistory, openReadingRoom, type Reader, type ReadingRoom } from './readingRoom.ts';
import { openWorkFolder } from './workFolder.ts';

const FOLDER = join(ROOT, 'docs', 'screenshots');
const STUDIES = 900;
const MINUTES_BETWEEN = 55;
const SIZES = { desk: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } } as const;
type Look = {
  readonly as?: Reader;
  readonly theme?: 'dark' | 'light';
  readonly size?: keyof typeof SIZES;
  /** The whole page, not the window. */
  readonly height?: number;
};

async function pictureReadingRoom(browser: Browser): Promise<void> {
  const risPort = await freePort();
  const ris = makePeer(PEERS['node-hl7-server']!, risPort);
  ris.behave(() => (ris.arrived.length === 1 ? 'AR' : 'AA'));
  await ris.open();
  const busy = createServer((_request, answer) => void answer.writeHead(503, { 'retry-after': '600' }).end());
  busy.listen(0, '127.0.0.1');
  await once(busy, 'listening');
  const { port } = busy.address() as { port: number };
  const room = await openReadingRoom(
    { slices: 34, matrix: 512 },
    {
      ICHOR_HL7_DESTINATIONS: `127.0.0.1:${risPort}?app=RIS&facility=HOSPITAL`,
      ICHOR_WEBHOOKS: `http://127.0.0.1:${port}/ichor`,
      ICHOR_WEBHOOK_SECRET: 'a secret of the pictures',
      ICHOR_VIEWER_URL: 'https://viewer.hospital.example/viewer?StudyInstanceUIDs={studyInstanceUid}',
    },
  );
  try {
    await addHistory(room.database, STUDIES, MINUTES_BETWEEN);
    for (const theme of ['dark', 'light'] as const) {
      await take(browser, room, `list-${theme}`, '/', { theme }, ready.list);
      await take(browser, room, `study-${theme}`, await positiveStudy(room), { theme, height: 1500 }, ready.study);
      await take(browser, room, `figures-${theme}`, '/figures', { theme, height: 1500 }, ready.figures);
    }
    await take(browser, room, 'list-phone', '/', { size: 'phone' }, ready.list);
    await take(browser, room, 'study-phone', await positiveStudy(room), { size: 'phone' }, ready.study);
    await take(browser, room, 'notifications', '/notifications', { as: 'adam' }, ready.notifications);
    await takeSignIn(browser, room);
  } finally {
    await room.stop();
    await ris.close();
    busy.close();
  }
}

const ready = {
  async list(page: Page): Promise<void> {
    await page.getByLabel('Arrived').selectOption('24');
    await page.waitForSelector('.rows li .thumb img');
  },
  async study(page: Page): Promise<void> {
    const agree = page.locator('[data-verdict=any-agree]');
    await agree.waitFor();
    if ((await page.locator('.said').count()) === 0) await agree.click();
    await page.waitForSelector('.said');
  },
  figures: async (page: Page) => void (await page.waitForSelector('.card svg')),
  async notifications(page: Page): Promise<void> {
    await page.locator('#state').selectOption('');
    await page.waitForSelector('td:has-text("delivered")');
  },
};

async function take(
  browser: Browser,
  room: ReadingRoom,
  name: string,
  path: string,
  { as = 'rada', theme = 'dark', size = 'desk', height }: Look,
  prepare: (page: Page) => Promise<void>,
): Promise<void> {
  const { width, height: usual } = SIZES[size];
  const context = await browser.newContext({
    colorScheme: theme,
    locale: 'en-GB',
    viewport: { width, height: height ?? usual },
  });
  await room.signIn(context, as);
  const page = await context.newPage();
  await page.goto(room.url + path);
  await prepare(page);
  await keep(page, name);
  await context.close();
}

async function takeSignIn(browser: Browser, room: ReadingRoom): Promise<void> {
  const page = await browser.newPage({ colorScheme: 'dark', viewport: { width: 700, height: 560 } });
  await page.goto(`${room.url}/sign-in`);
  await keep(page, 'sign-in');
  await page.close();
}

/** The epidural bleed of the room. */
async function positiveStudy({ database }: ReadingRoom): Promise<string> {
  const { rows } = await database.pool.query(
    "SELECT study_instance_uid FROM study WHERE patient_id = 'PHANTOM-8900002' AND state = 'flagged'",
  );
  return `/studies/${rows[0].study_instance_uid}`;
}

async function pictureDemo(browser: Browser): Promise<void> {
  const folder = await openWorkFolder('pictures');
  const demo = spawn(process.execPath, [join(ROOT, 'apps', 'cli', 'src', 'main.ts'), 'demo'], {
    cwd: folder.path,
    env: { ...process.env, ICHOR_MODEL: join(ROOT, 'models', 'default') },
  });
  let text = '';
  for (const stream of [demo.stdout, demo.stderr]) stream.on('data', (data) => (text += data));
  try {
    await eventually('the demo', async () => text.includes('Ichor goes on running'), 240_000);
    const page = await browser.newPage({ colorScheme: 'dark', viewport: { width: 1280, height: 520 } });
    await page.goto(/http:\/\/127\.0\.0\.1:\d+\//.exec(text)![0]);
    await page.waitForSelector('.rows li .thumb img');
    await keep(page, 'demo');
    await page.close();
  } finally {
    const ended = once(demo, 'exit');
    if (demo.kill('SIGTERM')) await ended;
    await folder.remove();
  }
}

/** With a palette: a third of the bytes, and no difference to see. */
async function keep(page: Page, name: string): Promise<void> {
  await page.waitForLoadState('load');
  await eventually('every picture on the page', () =>
    page.evaluate('[...document.images].every((image) => image.complete && image.naturalWidth > 0)'),
  );
  await page.waitForTimeout(500);
  await sharp(await page.screenshot())
    .png({ palette: true, colours: 256, effort: 10 })
    .toFile(join(FOLDER, `${name}.png`));
  console.log(`docs/screenshots/${name}.png`);
}

const browser = await openBrowser('plain');
try {
  await pictureReadingRoom(browser);
  await pictureDemo(browser);
} finally {
  await browser.close();
}

/** Pictures and details of a study that went the whole way: what they show, who may see them, and what a browser need not fetch twice. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { readPart10 } from '@ichor/dicom/readPart10';
import { writePhantomStudy } from '@ichor/phantom/writeStudy';
import { loadConfig } from '@ichor/settings/config';
import { HEMORRHAGE } from '@ichor/shared/target';
import { buildApp } from '@ichor/worklist/app';
import { openEventStream } from '@ichor/worklist/eventStream';
import { jsonSchemas, StudyDetailSchema } from '@ichor/worklist/studySchema';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import sharp from 'sharp';
import { ENDLESS_TRANSFER_SYNTAX, useEndlessCodec } from '../support/endlessCodec.ts';
import { fetchApi } from '../support/ichor.ts';
import { openTriagedStudy, type TriagedStudy } from '../support/triagedStudy.ts';

/** Three times as large when drawn. */
const [MATRIX, DRAWN, SLICES] = [192, 576, 24];
/** Of 255, in what is left of the picture without the tint: grey alone. */
const MOST_OFF = 2;

let opened: TriagedStudy;
let detail: ReturnType<typeof StudyDetailSchema.parse>;
/** Place of the key slice with the highest score, from 1. */
let key: number;
beforeAll(async () => {
  opened = await openTriagedStudy('images', { slices: SLICES, matrix: MATRIX });
  detail = StudyDetailSchema.parse(await (await get('detail')).json());
  const best = [...opened.study.keySlices].sort((one, other) => other.score - one.score)[0]!;
  key = 1 + detail.slices.findIndex(({ sopInstanceUid }) => sopInstanceUid === best.sopInstanceUid);
});
afterAll(() => opened?.stop());

const pathOf = (name: string): string => `/api/studies/${opened.study.studyInstanceUid}/${name}`;
const get = (name: string): Promise<Response> => fetchApi(opened.api, pathOf(name));
const getAgain = (name: string, etag: string): Promise<Response> =>
  fetch(`http://127.0.0.1:${opened.api.httpPort}${pathOf(name)}`, {
    headers: { authorization: `Bearer ${opened.api.token}`, 'if-none-match': etag },
  });

type Pixels = { readonly data: Buffer; readonly width: number; readonly height: number; readonly channels: number };
async function pixelsOf(name: string): Promise<Pixels> {
  const answer = await get(name);
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'image/png']);
  const { data, info } = await sharp(Buffer.from(await answer.arrayBuffer()))
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data, ...info };
}

test('the detail of a study is as its schema says, with position and influence of every slice', async () => {
  const given = await (await get('detail')).json();
  expect(StudyDetailSchema.parse(given)).toEqual(given);
  expect(new Ajv2020({ validateFormats: false }).compile(jsonSchemas([HEMORRHAGE]).detail)(given)).toBe(true);
  expect(await (await fetchApi(opened.api, '/api/schema/detail')).json()).toEqual(
    JSON.parse(JSON.stringify(jsonSchemas([HEMORRHAGE]).detail)),
  );
  const positions = detail.slices.map(({ zMm }) => zMm!);
  expect(positions).toEqual(positions.toSorted((one, other) => one - other));
  expect(new Set(positions).size).toBe(SLICES);
  const shares = detail.slices.map(({ influence }) => influence!.subdural!);
  expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 2);
});

test('every key slice has a layer that names what it explains, and no other slice has one', async () => {
  const keys = new Set(opened.study.keySlices.map(({ sopInstanceUid }) => sopInstanceUid));
  for (const { sopInstanceUid, layer, heatmap } of detail.slices)
    expect([layer !== null, heatmap]).toEqual([keys.has(sopInstanceUid), keys.has(sopInstanceUid)]);
  const { sopInstanceUid, layer } = detail.slices[key - 1]!;
  const own = opened.study.keySlices.filter((one) => one.sopInstanceUid === sopInstanceUid && one.finding !== 'any');
  const [strongest] = own.sort((one, other) => other.score - one.score);
  expect(layer).toEqual({ finding: strongest!.finding, score: strongest!.score });
  const without = detail.slices.findIndex(({ layer }) => layer === null) + 1;
  expect((await get(`layers/${without}.png`)).status).toBe(400);
});

test('the layer over the slice in the brain window gives the secondary capture of the PACS', async () => {
  const layer = await pixelsOf(`layers/${key}.png`);
  expect([layer.width, layer.height, layer.channels]).toEqual([DRAWN, DRAWN, 4]);
  const drawn = await secondaryCapture();
  let [coloured, tinted] = [0, 0];
  for (let row = Math.round(DRAWN * 0.22); row < DRAWN * 0.9; row++)
    for (let column = 0; column < DRAWN * 0.84; column++) {
      const at = row * DRAWN + column;
      const share = layer.data[at * 4 + 3]! / 255;
      if (share > 0) tinted++;
      const grey = [0, 1, 2].map((channel) => drawn[at * 3 + channel]! - layer.data[at * 4 + channel]! * share);
      coloured = Math.max(coloured, Math.max(...grey) - Math.min(...grey));
    }
  expect(tinted).toBeGreaterThan(DRAWN * DRAWN * 0.01);
  expect(coloured).toBeLessThanOrEqual(MOST_OFF);
});

async function secondaryCapture(): Promise<Uint8Array> {
  const { rows } = await opened.database.pool.query("SELECT object_path FROM derived_object WHERE kind = 'SC'");
  for (const { object_path: name } of rows) {
    const path = join(opened.dataDir, 'objects', name);
    const { dataset } = readPart10(await readFile(path), path);
    const pixels = dataset.pixelData();
    if (
      pixels?.kind === 'native' &&
      dataset.items('SourceImageSequence')[0]?.text('ReferencedSOPInstanceUID') ===
        detail.slices[key - 1]!.sopInstanceUid
    )
      return pixels.bytes;
  }
  throw new Error('no secondary capture of the key slice');
}

test('the slice is another picture in every window, the layer the same', async () => {
  const pictures = await Promise.all(
    ['brain', 'subdural', 'soft-tissue', 'bone'].map((window) => pixelsOf(`slices/${key}.png?window=${window}`)),
  );
  expect(new Set(pictures.map(({ data }) => data.toString('base64'))).size).toBe(4);
  for (const { width, height } of pictures) expect([width, height]).toEqual([MATRIX, MATRIX]);
});

test('a browser that has a picture gets 304; another window, another slice and another study are other pictures', async () => {
  const names = [`slices/${key}.png`, `slices/${key}.png?window=bone`, `slices/1.png`, `heatmaps/${key}.png`];
  const tags = [];
  for (const name of [...names, `layers/${key}.png`, 'thumbnail.png']) {
    const first = await get(name);
    expect(first.headers.get('cache-control')).toBe('private, no-cache');
    const etag = first.headers.get('etag')!;
    tags.push(etag);
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`]) {
      const again = await getAgain(name, known);
      expect([again.status, again.headers.get('etag'), await again.text()]).toEqual([304, etag, '']);
    }
    expect((await getAgain(name, '"other"')).status).toBe(200);
  }
  expect(new Set(tags).size).toBe(tags.length);
  expect((await get('detail')).headers.get('cache-control')).toBe('no-store');
});

test('a picture that a browser has is refused without sign-in, and its view is in the audit trail', async () => {
  const name = `layers/${key}.png`;
  const etag = (await get(name)).headers.get('etag')!;
  const stranger = await fetch(`http://127.0.0.1:${opened.api.httpPort}${pathOf(name)}`, {
    headers: { 'if-none-match': etag },
  });
  expect([stranger.status, stranger.headers.get('etag'), stranger.headers.get('cache-control')]).toEqual([
    401,
    null,
    'no-store',
  ]);
  const seen = async (): Promise<number> =>
    (await opened.database.pool.query("SELECT count(*)::int AS n FROM audit WHERE act = 'study-viewed' AND succeeded"))
      .rows[0].n;
  await opened.database.pool.query('ALTER TABLE audit DISABLE TRIGGER USER');
  await opened.database.pool.query("UPDATE audit SET at = at - interval '1 hour'");
  await opened.database.pool.query('ALTER TABLE audit ENABLE TRIGGER USER');
  const before = await seen();
  expect((await getAgain(name, etag)).status).toBe(304);
  expect(await seen()).toBe(before + 1);
  expect((await getAgain(name, etag)).status).toBe(304);
  expect(await seen()).toBe(before + 1);
});

describe('a slice that came with several contents', () => {
  /** As the first slice was analysed; same UIDs, as other files. */
  let analysed: Pixels;
  let copies: { readonly other: string; readonly endless: string };
  let decodeAsUsual: () => void;
  const logged: string[] = [];
  beforeAll(async () => {
    analysed = await pixelsOf('slices/1.png');
    copies = { other: await contentOf('1.2.840.10008.1.2.1'), endless: await contentOf(ENDLESS_TRANSFER_SYNTAX) };
    decodeAsUsual = useEndlessCodec();
  });
  afterAll(() => decodeAsUsual?.());

  /** Another content of the first slice, in the spool; only the index does not know of it. */
  async function contentOf(transferSyntaxUid: string): Promise<string> {
    const out = join(opened.dataDir, 'spool', `made-${transferSyntaxUid}`);
    const phantom = { seed: 8_900_000, bleeds: ['subdural'] as const, slices: SLICES, matrix: MATRIX };
    const { files, sopInstanceUids } = await writePhantomStudy({ ...phantom, out, transferSyntaxUid });
    const file = files[sopInstanceUids.indexOf(firstUid())]!;
    const bytes = await readFile(file);
    // One bit of the last pixel.
    bytes[bytes.length - 2]! ^= 1;
    if (transferSyntaxUid !== ENDLESS_TRANSFER_SYNTAX) await writeFile(file, bytes);
    return relative(join(opened.dataDir, 'spool'), file);
  }
  const firstUid = (): string => detail.slices[0]!.sopInstanceUid;
  const query = (text: string, values: readonly (string | readonly string[])[]) =>
    opened.database.pool.query(text, values);
  /** With these contents in the index beside what was analysed, or in its place. */
  async function withContents(paths: readonly string[], instead: boolean, work: (base: string) => Promise<void>) {
    const { rows } = await query('SELECT * FROM instance WHERE sop_instance_uid = $1', [firstUid()]);
    for (const path of paths)
      await query(
        `INSERT INTO instance SELECT (jsonb_populate_record(i, jsonb_build_object('spool_path', $2::text, 'received_at', i.received_at - interval '1 hour'))).*
           FROM instance i WHERE spool_path = $1`,
        [rows[0].spool_path, path],
      );
    if (instead)
      await query("UPDATE instance SET sop_instance_uid = 'away' WHERE spool_path = $1", [rows[0].spool_path]);
    const app = buildApp({
      config: {
        ...loadConfig({ ICHOR_DATA_DIR: opened.dataDir, ICHOR_SLICE_DECODE_TIMEOUT_MS: '100' }),
        signIn: false,
      },
      database: opened.database,
      log: { event: (name) => void logged.push(name) },
      checks: {} as never,
      events: openEventStream(),
    });
    logged.length = 0;
    try {
      await work(`${await app.listen({ host: '127.0.0.1', port: 0 })}/api/studies/${opened.study.studyInstanceUid}`);
    } finally {
      await app.close();
      await query('UPDATE instance SET sop_instance_uid = $1 WHERE spool_path = $2', [firstUid(), rows[0].spool_path]);
      await query('DELETE FROM instance WHERE spool_path = ANY ($1)', [paths]);
    }
  }
  const ask = (address: string) => fetch(address, { headers: { 'sec-fetch-site': 'same-origin' } });

  test('is shown as it was analysed, whichever came first, even where another content never ends', async () => {
    await withContents([copies.other, copies.endless], false, async (base) => {
      const answer = await ask(`${base}/slices/1.png`);
      const { data } = await sharp(Buffer.from(await answer.arrayBuffer()))
        .raw()
        .toBuffer({ resolveWithObject: true });
      expect([answer.status, data.equals(analysed.data)]).toEqual([200, true]);
    });
  });

  test('is not shown where only another content is left, and the page says so', async () => {
    await withContents([copies.other], true, async (base) => {
      const answer = await ask(`${base}/slices/1.png`);
      expect([answer.status, await answer.json()]).toEqual([
        410,
        { code: 'ANALYSED_PIXELS_GONE', message: expect.stringContaining(firstUid()) },
      ]);
    });
  });

  test('is no fault of the worklist where only a file is left that is cut in its header, or no DICOM', async () => {
    const whole = await readFile(join(opened.dataDir, 'spool', copies.other));
    const broken = [whole.subarray(0, 700), Buffer.from('nothing')].map((bytes, index) => ({
      bytes,
      path: `broken-${index}`,
    }));
    for (const { bytes, path } of broken) {
      await writeFile(join(opened.dataDir, 'spool', path), bytes);
      await withContents([path], true, async (base) => {
        const answer = await ask(`${base}/slices/1.png`);
        expect([answer.status, await answer.json()]).toEqual([
          422,
          { code: 'PIXEL_DATA_UNDECODABLE', message: expect.stringContaining(firstUid()) },
        ]);
      });
    }
    expect(logged).not.toContain('http.failed');
  });

  test('that nobody waits for any more is no failure', async () => {
    await withContents([copies.endless], true, async (base) => {
      const hangUp = new AbortController();
      const asked = fetch(`${base}/slices/1.png`, {
        headers: { 'sec-fetch-site': 'same-origin' },
        signal: hangUp.signal,
      });
      setTimeout(() => hangUp.abort(), 20);
      await expect(asked).rejects.toThrow('abort');
      await ask(`${base}/slices/2.png`);
    });
    expect(logged).not.toContain('http.failed');
  });

  test('and never ends is told, is not tried again, and keeps no other request waiting', async () => {
    await withContents([copies.endless], true, async (base) => {
      const ended: string[] = [];
      const hanging = ask(`${base}/slices/1.png`).finally(() => ended.push('hanging'));
      const others = [2, 3, 4].map((number) => ask(`${base}/slices/${number}.png`).finally(() => ended.push('other')));
      expect((await Promise.all(others)).map(({ status }) => status)).toEqual([200, 200, 200]);
      const [first, again] = [await hanging, await ask(`${base}/slices/1.png?window=bone`)];
      for (const answer of [first, again])
        expect([answer.status, await answer.json()]).toEqual([
          422,
          { code: 'PIXEL_DATA_UNDECODABLE', message: expect.stringContaining('ICHOR_SLICE_DECODE_TIMEOUT_MS') },
        ]);
    });
  });
});

test('a result of before Ichor kept the maps has its secondary captures, and no layer', async () => {
  const { rows } = await opened.database.pool.query('SELECT result_id, heatmaps FROM result');
  await opened.database.pool.query('UPDATE result SET heatmaps = NULL');
  try {
    const old = StudyDetailSchema.parse(await (await get('detail')).json()).slices[key - 1]!;
    expect([old.layer, old.heatmap]).toEqual([null, true]);
    expect((await get(`layers/${key}.png`)).status).toBe(400);
    expect((await get(`heatmaps/${key}.png`)).status).toBe(200);
  } finally {
    await opened.database.pool.query('UPDATE result SET heatmaps = $1', [JSON.stringify(rows[0].heatmaps)]);
  }
});

test('a heat map that is missing from among the derived objects is told as such, and not as a fault of the disk', async () => {
  const { rows } = await opened.database.pool.query("SELECT object_path FROM derived_object WHERE kind = 'SC'");
  const folder = join(opened.dataDir, 'objects');
  for (const { object_path: name } of rows) await rename(join(folder, name), join(folder, `${name}.away`));
  try {
    const answer = await get(`heatmaps/${key}.png`);
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([410, 'OBJECT_MISSING']);
  } finally {
    for (const { object_path: name } of rows) await rename(join(folder, `${name}.away`), join(folder, name));
  }
});

test('files that are away are told as such, for slices and heat maps, and shown again when they are back', async () => {
  for (const [folder, name] of [
    ['spool', `slices/${key}.png?window=soft-tissue`],
    ['objects', `heatmaps/${key}.png`],
  ] as const) {
    await rename(join(opened.dataDir, folder), join(opened.dataDir, `${folder}.away`));
    const answer = await get(name);
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([503, 'FILE_UNREADABLE']);
    await rename(join(opened.dataDir, `${folder}.away`), join(opened.dataDir, folder));
    expect((await get(name)).status).toBe(200);
  }
});

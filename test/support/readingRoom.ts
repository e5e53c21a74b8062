/**
 * A reading room with a history, for the bench and the pictures of the documentation: Ichor as a process, phantoms that went the
 * whole way from a scanner to a PACS, and copies of them with other patients, times and scores.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { addAccount } from '@ichor/accounts/accounts';
import type { Bleed } from '@ichor/phantom/bleeds';
import { writePhantomStudy } from '@ichor/phantom/writeStudy';
import { type Database, openDatabase } from '@ichor/store/postgres/database';
import type { BrowserContext } from 'playwright-core';
import { eventually, freePort, startIchor, untilReady } from './ichor.ts';
import { silentLog, startPostgres } from './postgres.ts';
import { PASSWORD } from './signedIn.ts';
import { openWorkFolder } from './workFolder.ts';

export type ReadingRoom = {
  readonly database: Database;
  readonly url: string;
  /** Signs somebody in by the form. */
  signIn(context: BrowserContext, name: Reader): Promise<void>;
  stop(): Promise<void>;
};
/** A radiologist, and an administrator. */
export type Reader = 'rada' | 'adam';
type Size = { readonly slices: number; readonly matrix: number };

/** What was scanned; the last one has too few slices to be analysed. */
const SCANS: readonly { readonly bleeds: readonly Bleed[]; readonly share: number }[] = [
  { bleeds: ['subdural'], share: 1 },
  { bleeds: ['intraparenchymal'], share: 1 },
  { bleeds: ['epidural'], share: 1 },
  { bleeds: ['subarachnoid'], share: 1 },
  { bleeds: [], share: 1 },
  { bleeds: [], share: 0.2 },
];

/** @param env settings of Ichor, beside its stores and the PACS */
export async function openReadingRoom(size: Size, env: Readonly<Record<string, string>> = {}): Promise<ReadingRoom> {
  const [postgres, folder] = [await startPostgres(), await openWorkFolder('reading-room')];
  const [dicomPort, httpPort, pacsPort] = [await freePort(), await freePort(), await freePort()];
  const [received, data] = [join(folder.path, 'pacs'), join(folder.path, 'data')];
  await mkdir(received);
  const pacs = spawn('storescp', ['-aet', 'HOSPPACS', '-od', received, String(pacsPort)], { stdio: 'ignore' });
  const ichor = startIchor([], {
    ICHOR_DATABASE_URL: postgres.url,
    ICHOR_DATA_DIR: data,
    ICHOR_DICOM_PORT: String(dicomPort),
    ICHOR_HTTP_PORT: String(httpPort),
    ICHOR_DESTINATIONS: `HOSPPACS@127.0.0.1:${pacsPort}`,
    ICHOR_QUIET_PERIOD_MS: '1000',
    ...env,
  });
  await untilReady(httpPort, 120_000).catch((error) => {
    throw new Error(`${error.message}\n${ichor.output()}`);
  });
  const database = await openDatabase({ databaseUrl: postgres.url, dataDir: data }, silentLog);
  await addAccount(database, { name: 'rada', role: 'radiologist', password: PASSWORD });
  await database.pool.query("UPDATE account SET display_name = 'Dr. Rada Novak'");
  await addAccount(database, { name: 'adam', role: 'administrator', password: PASSWORD });
  await scan(folder.path, size, dicomPort);
  await untilResults(database);
  const url = `http://127.0.0.1:${httpPort}`;
  return {
    database,
    url,
    signIn: (context, name) => signIn(context, url, name),
    async stop() {
      await ichor.stop();
      pacs.kill();
      await database.close();
      await postgres.stop();
      await folder.remove();
    },
  };
}

async function scan(folder: string, { slices, matrix }: Size, port: number): Promise<void> {
  for (const [index, { bleeds, share }] of SCANS.entries()) {
    const out = join(folder, `ct-${index}`);
    const { files } = await writePhantomStudy({
      out,
      seed: 8_900_000 + index,
      bleeds,
      slices: Math.round(slices * share),
      matrix,
    });
    const sent = spawnSync('storescu', ['-aet', 'CTSCANNER', '-aec', 'ICHOR', '127.0.0.1', String(port), ...files]);
    if (sent.status !== 0) throw new Error(`storescu: ${sent.stderr}`);
  }
}

/** With everything in the PACS. */
const untilResults = (database: Database): Promise<unknown> =>
  eventually(
    'results and deliveries',
    async () => {
      const { rows } = await database.pool.query(
        "SELECT count(*) FILTER (WHERE revision > 0)::int AS done, (SELECT count(*)::int FROM delivery WHERE state = 'pending') + (SELECT count(*)::int FROM result WHERE objects = 'due') AS open FROM study",
      );
      return rows[0].done === SCANS.length && rows[0].open === 0;
    },
    300_000,
  );

async function signIn(context: BrowserContext, url: string, name: Reader): Promise<void> {
  const page = await context.newPage();
  await page.goto(`${url}/sign-in`);
  await page.fill('#name', name);
  await page.fill('#password', PASSWORD);
  await page.click('button');
  await page.waitForSelector('.scroller');
  await page.close();
}

/** Copies until there are `count` studies more, one every `minutes` back from now; with instances, deliveries and feedback. */
export async function addHistory(database: Database, count: number, minutes: number): Promise<void> {
  await database.transaction(async (client) => {
    await client.query("SET LOCAL session_replication_role = 'replica'");
    for (const sql of HISTORY)
      await client.query(sql.replaceAll('$count', String(count)).replaceAll('$minutes', String(minutes)));
  });
  await database.pool.query('ANALYZE');
}

/** A number from 0 to 1 that belongs to a text. */
const chance = (text: string): string => `((hashtext(${text})::bigint & 65535) / 65535.0)`;
/** Of a hundred studies 14 are positive, 9 not analysed, 1 failed. */
const HISTORY: readonly string[] = [
  `CREATE TEMP TABLE copy ON COMMIT DROP AS
   WITH source AS (SELECT study_instance_uid, state, row_number() OVER (PARTITION BY state ORDER BY study_instance_uid) - 1 AS number,
                          count(*) OVER (PARTITION BY state) AS total FROM study WHERE study_instance_uid NOT LIKE '2.25.77.%'),
        made AS (SELECT n + before AS n, CASE WHEN ${chance("'kind' || n")} < .14 THEN 'flagged' WHEN ${chance("'kind' || n")} < .24 THEN 'not-analysed' ELSE 'clear' END AS wanted,
                        now() - n * interval '1 minute' * $minutes - ${chance("'at' || n")} * interval '1 minute' * $minutes AS at
                   FROM generate_series(1, $count) n, (SELECT count(*) AS before FROM study) known)
   SELECT n, '2.25.77.' || n AS uid, s.study_instance_uid AS source, at, at + (40 + 50 * ${chance("'took' || n")}) * interval '1 second' AS done
     FROM made JOIN source s ON s.state = wanted AND s.number = n % s.total`,
  `INSERT INTO study (study_instance_uid, accession_number, patient_id, patient_name, study_description, state, completion, request, analysed_request, reason, error_code,
                      first_instance_at, last_instance_at, open_since, completed_at, resulted_at, delivered_at, revision)
   SELECT uid, 'CT' || to_char(at, 'YYMMDD') || lpad((n % 10000)::text, 4, '0'), 'P' || (100000 + n * 7919 % 900000),
          (ARRAY['Okafor','Lindqvist','Moreau','Tanaka','Castillo','Novak','Haddad','Berger','Silva','Iyer','Kowalska','Nguyen'])[1 + n % 12] || '^' ||
          (ARRAY['Maja','Jonas','Aiko','Luis','Nadia','Peter','Amara','Ewa','Tomás','Priya','Karim'])[1 + n % 11],
          s.study_description, state, 'complete', 1, 1, reason, error_code, at, at + interval '25 seconds', at, done, done, done + interval '3 seconds', 1
     FROM copy c JOIN study s ON s.study_instance_uid = c.source`,
  `INSERT INTO result (study_instance_uid, revision, input_digest, model_name, model_version, model_sha256, state, reason, error_code, findings, key_slices, slice_scores, series, created_at)
   SELECT uid, 1, 'copy', model_name, model_version, model_sha256, r.state, r.reason, r.error_code,
          (SELECT jsonb_object_agg(key, value || jsonb_build_object('score', round(CASE WHEN (value->>'present')::boolean
                    THEN (value->>'threshold')::float8 + (1 - (value->>'threshold')::float8) * ${chance('key || n')}
                    ELSE (value->>'threshold')::float8 * ${chance('key || n')} ^ 3 END::numeric, 4)))
             FROM jsonb_each(r.findings)), key_slices, slice_scores, series, done
     FROM copy c JOIN study s ON s.study_instance_uid = c.source JOIN result r ON r.result_id = s.result_id`,
  'UPDATE study s SET result_id = r.result_id FROM result r, copy c WHERE s.study_instance_uid = c.uid AND r.study_instance_uid = c.uid',
  `INSERT INTO series (series_instance_uid, study_instance_uid, modality) SELECT uid || '.1', uid, 'CT' FROM copy`,
  `INSERT INTO instance (spool_path, sop_instance_uid, series_instance_uid, study_instance_uid, sop_class_uid, transfer_syntax_uid, size_bytes)
   SELECT i.spool_path || '#' || n, i.sop_instance_uid || '.' || n, uid || '.1', uid, sop_class_uid, transfer_syntax_uid, size_bytes
     FROM copy c JOIN instance i ON i.study_instance_uid = c.source`,
  `INSERT INTO derived_object (sop_instance_uid, result_id, kind, series_instance_uid, sop_class_uid, object_path)
   SELECT o.sop_instance_uid || '.' || n, t.result_id, kind, o.series_instance_uid, sop_class_uid, object_path
     FROM copy c JOIN study s ON s.study_instance_uid = c.source JOIN derived_object o ON o.result_id = s.result_id
     JOIN study t ON t.study_instance_uid = c.uid`,
  `INSERT INTO delivery (result_id, sop_instance_uid, destination, state, attempts, created_at, stored_at, committed_at)
   SELECT t.result_id, d.sop_instance_uid || '.' || n, destination, d.state, d.attempts, done, done, done
     FROM copy c JOIN study s ON s.study_instance_uid = c.source JOIN delivery d ON d.result_id = s.result_id
     JOIN study t ON t.study_instance_uid = c.uid`,
  `INSERT INTO feedback (at, study_instance_uid, result_id, finding, verdict, reader, reader_name)
   SELECT done + interval '20 minutes', uid, s.result_id, f.key,
          CASE WHEN ${chance("f.key || 'said' || n")} < .78 THEN 'agree' WHEN ${chance("f.key || 'said' || n")} < .93 THEN 'disagree' ELSE 'unsure' END, reader, reader_name
     FROM copy c JOIN study s ON s.study_instance_uid = c.uid JOIN result r ON r.result_id = s.result_id, jsonb_each(r.findings) f,
          (VALUES ('rada', 'Dr. Rada Novak'), ('otto', 'Dr. Otto Lind')) reads(reader, reader_name)
    WHERE (f.value->>'present')::boolean AND ${chance('reader || n')} < .6`,
];

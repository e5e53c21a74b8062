/**
 * Makes what a version leaves behind, for `upgrade.test.ts`: `node test/upgrade/pack.ts CHECKOUT VERSION`.
 *
 * CHECKOUT is that version's repository after `npm ci`. It runs there as a hospital runs it, on phantoms: one study flagged, one clear, one not
 * analysed; reports delivered to one PACS and committed, waiting for another that is away; a webhook told. Then database, spool and objects
 * are packed into `test/upgrade/VERSION.tar.gz`, with what the API said of them.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join, resolve } from 'node:path';
import type { StudyView } from '@ichor/shared/study';
import { eventually, freePort, untilReady } from '../support/ichor.ts';
import { startPacs } from '../support/pacs.ts';
import { DEBIAN_POSTGRES, startPostgres } from '../support/postgres.ts';
import { openWorkFolder } from '../support/workFolder.ts';

const [checkout, version] = process.argv.slice(2);
if (checkout === undefined || version === undefined) throw new Error('node test/upgrade/pack.ts CHECKOUT VERSION');

const PHANTOMS = [
  { seed: '17', slices: '14', bleed: 'subdural' },
  { seed: '2', slices: '14', bleed: 'none' },
  { seed: '3', slices: '3', bleed: 'none' },
];
const node = join(checkout, 'node_modules', 'node', 'bin', 'node');
const main = ['--disable-warning=ExperimentalWarning', join(checkout, 'apps', 'cli', 'src', 'main.ts')];
const folder = await openWorkFolder('pack');
const postgres = await startPostgres(DEBIAN_POSTGRES);
const [dicomPort, httpPort, pacsPort, awayPort] = [
  await freePort(),
  await freePort(),
  await freePort(),
  await freePort(),
];
const hook = createServer((request, response) => request.resume().on('end', () => response.writeHead(204).end()));
hook.listen(0, '127.0.0.1');
await once(hook, 'listening');
const dataDir = join(folder.path, 'data');
const env = {
  ...process.env,
  ICHOR_DATABASE_URL: postgres.url,
  ICHOR_DATA_DIR: dataDir,
  ICHOR_DICOM_PORT: String(dicomPort),
  ICHOR_HTTP_PORT: String(httpPort),
  ICHOR_DESTINATIONS: `PACS@127.0.0.1:${pacsPort},AWAY@127.0.0.1:${awayPort}`,
  ICHOR_WEBHOOKS: `http://127.0.0.1:${(hook.address() as { port: number }).port}/`,
  ICHOR_WEBHOOK_SECRET: 'secret of the packed version',
  ICHOR_THRESHOLDS: 'any=0.5',
  ICHOR_QUIET_PERIOD_MS: '2000',
  ICHOR_DELIVERY_BACKOFF_MS: '1000',
};
const run = (...args: string[]): string => {
  const { status, stdout, stderr } = spawnSync(node, [...main, ...args], { env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`ichor ${args.join(' ')}: ${stderr}`);
  return stdout;
};

const pacs = await startPacs({ port: pacsPort, commitment: { reportPort: dicomPort, fail: 0 } });
const ichor = spawn(node, [...main, 'start'], { env, stdio: ['ignore', 'inherit', 'inherit'] });
await untilReady(httpPort);
const authorization = `Bearer ${run('token', 'add', 'packer', '--role', 'administrator').trim()}`;
const get = async (path: string): Promise<unknown> => {
  const answer = await fetch(`http://127.0.0.1:${httpPort}${path}`, { headers: { authorization } });
  return answer.ok ? answer.json() : null;
};
const uids: string[] = [];
for (const { seed, slices, bleed } of PHANTOMS) {
  const out = join(folder.path, `ct-${seed}`);
  const jpegLs = ['--transfer-syntax', '1.2.840.10008.1.2.4.80'];
  run('phantom', '--out', out, '--seed', seed, '--slices', slices, '--bleed', bleed, '--matrix', '192', ...jpegLs);
  const labels = await readFile(join(out, 'labels.csv'), 'utf8');
  const [head, row] = labels.split('\n').map((line) => line.split(','));
  uids.push(row![head!.indexOf('studyInstanceUid')]!);
  run('send', `ICHOR@127.0.0.1:${dicomPort}`, out);
}
const study = (uid: string) => get(`/api/studies/${uid}`) as Promise<StudyView | null>;
const settled = async (uid: string): Promise<StudyView | null> => {
  const view = await study(uid);
  const own = view?.deliveries.filter(({ destination }) => destination === 'PACS') ?? [];
  return own.length > 0 && own.every(({ state }) => state === 'committed') ? view : null;
};
for (const uid of uids) await eventually(`the deliveries of ${uid}`, () => settled(uid), 300_000);
const api = {
  studies: await Promise.all(uids.map(study)),
  notifications: run('notifications', '--json').trim().split('\n'),
};
ichor.kill('SIGTERM');
await once(ichor, 'exit');

const out = join(folder.path, version);
await mkdir(out);
for (const name of ['spool', 'objects']) await cp(join(dataDir, name), join(out, name), { recursive: true });
const dump = spawnSync(join(DEBIAN_POSTGRES, 'pg_dump'), ['--inserts', '--no-owner', '--no-privileges', postgres.url], {
  encoding: 'utf8',
  maxBuffer: 1 << 28,
});
if (dump.status !== 0) throw new Error(dump.stderr);
/** What `psql` alone understands is left out: any client can run the rest. */
await writeFile(join(out, 'database.sql'), dump.stdout.replace(/^\\.*$/gm, ''));
await writeFile(join(out, 'before.json'), JSON.stringify({ version, awayPort, ...api }, null, 1));
const archive = join(import.meta.dirname, `${version}.tar.gz`);
spawnSync('tar', ['-czf', archive, '-C', out, '.'], { stdio: 'inherit' });
console.log(resolve(archive));
hook.close();
await pacs.stop();
await postgres.stop();
await folder.remove();

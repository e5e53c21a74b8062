/** What must be there after all disturbances, and what must not. */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { readPart10 } from '@ichor/dicom/readPart10';
import type { SentStudy } from './scanner.ts';
import type { Site } from './site.ts';
import { type Query, type StudyRow, studyRows } from './studyRows.ts';
import { digestOf } from './wire.ts';

const SR = '1.2.840.10008.5.1.4.1.1.88.34';

/** One sentence for each thing that is missing, altered, doubled or invented. */
export async function verdict(site: Site, sent: readonly SentStudy[], query: Query): Promise<string[]> {
  const rows = await studyRows(query);
  return [
    ...(await wrongInSpool(site, sent)),
    ...(await wrongInIndex(sent, query)),
    ...wrongResults(sent, rows),
    ...(await wrongReports(site, query)),
  ];
}

/** Every acknowledged byte, and nothing else. */
async function wrongInSpool({ dataDir, wire }: Site, sent: readonly SentStudy[]): Promise<string[]> {
  const spool = join(dataDir, 'spool');
  const names = (await readdir(spool, { recursive: true })).filter((name) => name.endsWith('.dcm'));
  const digests = new Map<string, string>();
  for (const name of names) {
    const bytes = await readFile(join(spool, name));
    digests.set(basename(name, '.dcm'), digestOf(bytes.subarray(readPart10(bytes, name).datasetOffset)));
  }
  const known = new Set(sent.flatMap(({ sopInstanceUids }) => sopInstanceUids));
  const invented = [...digests.keys()].filter((uid) => !known.has(uid));
  const acknowledged = sent.flatMap((study) => [...study.acknowledged]);
  const lost = acknowledged.filter((uid) => !digests.has(uid));
  const altered = acknowledged.filter((uid) => digests.has(uid) && !wire.digestsOf(uid).has(digests.get(uid)!));
  return [
    ...lost.map((uid) => `acknowledged instance ${uid} is not in the spool`),
    ...altered.map((uid) => `acknowledged instance ${uid} is not in the spool as it was sent`),
    ...invented.map((uid) => `the spool holds ${uid}, which nobody sent`),
  ];
}

async function wrongInIndex(sent: readonly SentStudy[], query: Query): Promise<string[]> {
  const rows = await query('SELECT sop_instance_uid AS uid, count(*)::int AS n FROM instance GROUP BY 1');
  const indexed = new Map(rows.map(({ uid, n }) => [uid as string, n as number]));
  const known = new Set(sent.flatMap(({ sopInstanceUids }) => sopInstanceUids));
  return [
    ...sent
      .flatMap(({ acknowledged }) => [...acknowledged].filter((uid) => indexed.get(uid) !== 1))
      .map((uid) => `acknowledged instance ${uid} has ${indexed.get(uid) ?? 0} rows in the index`),
    ...[...indexed.keys()].filter((uid) => !known.has(uid)).map((uid) => `the index holds ${uid}, which nobody sent`),
  ];
}

/** One current result each; of what was left broken off never a clear one, of what came whole always the same. */
function wrongResults(sent: readonly SentStudy[], rows: readonly StudyRow[]): string[] {
  const wrong: string[] = [];
  const studies = new Map(rows.map((row) => [row.uid, row]));
  for (const { uid } of rows)
    if (!sent.some((study) => study.studyInstanceUid === uid)) wrong.push(`study ${uid} is invented`);
  const findingsOf = new Map<number, Map<string, string>>();
  for (const { studyInstanceUid: uid, head, whole, acknowledged } of sent) {
    const row = studies.get(uid);
    if (row === undefined && acknowledged.size > 0) wrong.push(`study ${uid} has no row`);
    if (row === undefined) continue;
    if (row.problem !== null) wrong.push(`study ${uid} ${row.problem}`);
    if (row.state === 'failed') wrong.push(`study ${uid} failed: ${row.error}`);
    if (!whole && row.states.includes('clear'))
      wrong.push(`study ${uid} was broken off, and clear (${row.states.join(', ')})`);
    if (whole && row.incomplete) wrong.push(`study ${uid} came whole, and is told incomplete`);
    if (whole && row.problem === null) findingsOf.set(head, (findingsOf.get(head) ?? new Map()).set(row.outcome, uid));
  }
  for (const [head, outcomes] of findingsOf)
    if (outcomes.size > 1)
      wrong.push(
        `head ${head} has several outcomes: ${[...outcomes].map(([outcome, uid]) => `${outcome} (${uid})`).join('; ')}`,
      );
  return wrong;
}

/** One report for each revision; what the database calls delivered is in the PACS, and nothing else is. */
async function wrongReports({ pacsDir }: Site, query: Query): Promise<string[]> {
  const inPacs = new Set<string>();
  for (const name of await readdir(pacsDir)) {
    const { dataset } = readPart10(await readFile(join(pacsDir, name)), name);
    if (dataset.text('SOPClassUID') === SR) inPacs.add(dataset.text('SOPInstanceUID') ?? name);
  }
  const rows = await query(
    `SELECT r.study_instance_uid AS study, r.revision, r.result_id = s.result_id AS current, o.sop_instance_uid AS uid,
            d.state IN ('stored', 'committed') AS delivered, d.error
       FROM result r JOIN study s USING (study_instance_uid)
       LEFT JOIN derived_object o ON o.result_id = r.result_id AND o.kind = 'SR'
       LEFT JOIN delivery d ON d.sop_instance_uid = o.sop_instance_uid`,
  );
  const perRevision = Map.groupBy(rows, ({ study, revision }) => `${study} revision ${revision}`);
  const made = new Set(rows.map(({ uid }) => uid));
  return [
    ...[...perRevision].filter(([, own]) => own.length !== 1).map(([name, own]) => `${name} has ${own.length} reports`),
    ...rows
      .filter(({ uid }) => uid === null)
      .map(({ study, revision }) => `${study} revision ${revision} has no report`),
    ...rows
      .filter(({ uid, current, delivered }) => uid !== null && current && !delivered)
      .map(({ study, error }) => `the report of ${study} was not delivered: ${error}`),
    ...rows
      .filter(({ uid, delivered }) => delivered && !inPacs.has(uid as string))
      .map(({ study }) => `a delivered report of ${study} is not in the PACS`),
    ...[...inPacs].filter((uid) => !made.has(uid)).map((uid) => `the PACS holds report ${uid}, which nobody made`),
  ];
}

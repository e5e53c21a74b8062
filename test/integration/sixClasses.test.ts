/**
 * What the world sees of a result of the six classes, to the letter: the digest and the UIDs that everything is known by, and the texts
 * that peers parse. A change of code that changes one of them by accident would double reports, or tell of other findings.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decideFindings } from '@ichor/analysis/inference/findings';
import type { Inference } from '@ichor/analysis/inference/inference';
import { HEMORRHAGE } from '@ichor/shared/target';
import { objectStore } from '@ichor/store/files/openStores';
import { findStudy, resultView } from '@ichor/store/studyView';
import { writeOru } from '@ichor/worker/notification/hl7Message';
import { writeLetter } from '@ichor/worker/notification/mail';
import { triageStudy } from '@ichor/worker/triageStudy';
import { studyDetail } from '@ichor/worklist/studyDetail';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { finding, openTriageBench, type TriageBench } from '../support/triage.ts';

const FIXTURES = join(import.meta.dirname, '..', 'fixtures', 'sixClasses');

let bench: TriageBench;
beforeAll(async () => {
  bench = await openTriageBench();
});
afterAll(() => bench?.stop());

const THRESHOLDS = [0.51, 0.52, 0.53, 0.54, 0.55, 0.56];
/** @param probabilities of the middle slice; the others show nothing */
const showing = (probabilities: readonly number[]): Inference => ({
  ...finding,
  analyse: async (...args) => {
    const analysis = await finding.analyse(...args);
    const findings = decideFindings([probabilities, [0.01, 0.01, 0.01, 0.01, 0.01, 0.01]], THRESHOLDS, HEMORRHAGE);
    const keySlices = analysis.keySlices.filter((slice) => findings[slice.finding]!.present);
    const keySliceImages = findings.any!.present ? analysis.keySliceImages : [];
    return { ...analysis, findings, keySlices, keySliceImages };
  },
});

test.each([
  ['flagged', [0.02, 0.1, 0.03, 0.2, 0.98, 0.97]],
  ['of-no-kind', [0.02, 0.1, 0.03, 0.2, 0.3, 0.97]],
  ['clear', [0.02, 0.1, 0.03, 0.2, 0.98, 0.1]],
])('a study %s is told as it always was', async (name, probabilities) => {
  const seed = 8_100_000 + Math.round(1_000 * probabilities[5]! + 10 * probabilities[4]!);
  const everything = await everythingOf(seed, showing(probabilities));
  expect(everything).toBe(await readFile(join(FIXTURES, `${name}.txt`), 'utf8'));
});

async function everythingOf(seed: number, inference: Inference): Promise<string> {
  const job = await bench.addStudy(seed);
  await triageStudy(bench.context({ inference }), job, true);
  const uid = job.studyInstanceUid;
  const { rows } = await bench.database.pool.query(
    'SELECT result_id, input_digest FROM result WHERE study_instance_uid = $1',
    [uid],
  );
  const study = await findStudy(bench.database, uid);
  const content = await resultView(bench.database, Number(rows[0].result_id));
  const at = new Date(0);
  const envelope = { app: 'PACS', facility: 'HOSPITAL', controlId: '1', createdAt: at, correction: false };
  const detail = await studyDetail({ ...bench, objects: objectStore(bench) }, uid, null);
  const sections = {
    'input digest': rows[0].input_digest,
    'GET /api/studies': JSON.stringify({ ...study, times: null }, null, 1),
    'GET /api/studies/…/detail': JSON.stringify(
      { ...detail, slices: detail.slices.slice(0, 1), revisions: [], report: null },
      null,
      1,
    ),
    report: detail.report.map(({ depth, name, value }) => `${' '.repeat(depth)}${name}: ${value}`).join('\n'),
    HL7: writeOru({ ...content, resultAt: at }, envelope).replaceAll('\r', '\n'),
    mail: Object.values(writeLetter(study, 'https://ichor.example')).join('\n\n'),
  };
  return Object.entries(sections)
    .map(([title, text]) => `## ${title}\n${text}\n`)
    .join('\n');
}

/** A worklist that has something to show: studies with results, pictures of damaged slices, incidents, deliveries. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addAccount, findLocal } from '@ichor/accounts/accounts';
import { openSession } from '@ichor/accounts/sessions';
import { addToken } from '@ichor/accounts/tokens';
import type { SliceHeatmap, SliceScore } from '@ichor/shared/study';
import type { Database } from '@ichor/store/postgres/database';
import { PASSWORD } from '../../support/signedIn.ts';
import { addDelivery, addIncident, addResult, addStudy } from '../../support/worklistRows.ts';
import { type CorpusInstance, part10Of } from '../corpus/instances.ts';
import { diceOf } from '../dice.ts';
import { mutateInstance } from '../mutate/instance.ts';

export const GOOD_STUDY = '1.2.3.1';
/** A study whose slices are damaged: whoever looks at them must get an answer. */
const DAMAGED_STUDY = '1.2.3.2';
export const STUDIES = [GOOD_STUDY, DAMAGED_STUDY, '1.2.3.3', '1.2.3.404'];
export const DAMAGED_SLICES = 60;

/** @returns a token of an administrator, and what makes sessions */
export async function fillWorklist(database: Database, dataDir: string, images: readonly CorpusInstance[]) {
  for (const [index, uid] of STUDIES.slice(0, 3).entries())
    await addStudy(database, {
      uid,
      state: index === 2 ? 'receiving' : 'queued',
      patientName: 'Doe^Jane',
      patientId: `P-${index}`,
      accessionNumber: `A${index}`,
    });
  for (const uid of [GOOD_STUDY, DAMAGED_STUDY]) {
    const resultId = await addResult(database, uid, 'flagged');
    await addDelivery(database, resultId, {
      kind: 'SR',
      uid: `${uid}.9`,
      destination: 'PACS@10.0.0.1:104',
      state: 'dead',
      attempts: 3,
    });
    await addSlices(database, dataDir, uid, images, uid === DAMAGED_STUDY);
  }
  await addIncident(database, 'UID_INVALID', GOOD_STUDY);
  await addAccount(database, { name: 'adam', role: 'administrator', password: PASSWORD });
  const { account } = (await findLocal(database, 'adam'))!;
  return {
    token: await addToken(database, { name: 'fuzz', role: 'administrator', patientData: true, days: null }),
    openSession: () => openSession(database, account.accountId, null),
  };
}

async function addSlices(
  database: Database,
  dataDir: string,
  uid: string,
  images: readonly CorpusInstance[],
  damaged: boolean,
): Promise<void> {
  const folder = join(dataDir, 'spool', uid, `${uid}.1`);
  await mkdir(folder, { recursive: true });
  const scores: SliceScore[] = [];
  await database.pool.query('INSERT INTO series (series_instance_uid, study_instance_uid) VALUES ($1, $2)', [
    `${uid}.1`,
    uid,
  ]);
  for (let slice = 1; slice <= DAMAGED_SLICES; slice++) {
    const image = images[slice % images.length]!;
    const sop = `${uid}.1.${slice}`;
    await writeFile(join(folder, `${sop}.dcm`), part10Of(damaged ? mutateInstance(image, diceOf(0, slice)) : image));
    await database.pool.query(
      `INSERT INTO instance (spool_path, sop_instance_uid, series_instance_uid, study_instance_uid, sop_class_uid, transfer_syntax_uid, size_bytes)
       VALUES ($1, $2, $3, $4, $5, $6, 1000)`,
      [`${uid}/${uid}.1/${sop}.dcm`, sop, `${uid}.1`, uid, image.sopClassUid, image.transferSyntaxUid],
    );
    scores.push({
      sopInstanceUid: sop,
      frameNumber: 1,
      probabilities: [0, 0, 0, 0, 0, 0],
      cnnProbabilities: [0, 0, 0, 0, 0, 0],
    });
  }
  await database.pool.query('UPDATE result SET slice_scores = $2, heatmaps = $3 WHERE study_instance_uid = $1', [
    uid,
    JSON.stringify(scores),
    JSON.stringify(scores.map(({ sopInstanceUid, frameNumber = 1 }) => heatmapOf({ sopInstanceUid, frameNumber }))),
  ]);
}

const [SIDE, MAP_SIDE] = [64, 8];
const heatmapOf = ({
  sopInstanceUid,
  frameNumber,
}: {
  readonly sopInstanceUid: string;
  readonly frameNumber: number;
}): SliceHeatmap => ({
  ...{ sopInstanceUid, frameNumber, finding: 'subdural', score: 0.9 },
  ...{ rows: SIDE, columns: SIDE, mapRows: MAP_SIDE, mapColumns: MAP_SIDE },
  map: Buffer.from(new Float32Array(MAP_SIDE * MAP_SIDE).fill(1).buffer).toString('base64'),
});

/**
 * The main job in a hospital's shape: a scanner sends to Orthanc, Orthanc forwards to Ichor, and the Structured Report and
 * the heat maps come back into the same study of Orthanc, committed, without looping.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { StudyView } from '@ichor/shared/study';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  expectCommitted,
  type Hospital,
  instancesOf,
  makePhantom,
  openHospital,
  phantomThrough,
  removePhantoms,
  SECONDARY_CAPTURE as SC,
  COMPREHENSIVE_3D_SR as SR,
  scan,
} from '../support/hospital.ts';
import { eventually, fetchApi, studyView, untilResult } from '../support/ichor.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { describeWithSharedData, sharedData } from '../support/sharedData.ts';

afterAll(removePhantoms);

describe('all roles in one process on the embedded database', () => {
  let hospital: Hospital;
  beforeAll(async () => {
    hospital = await openHospital([[]]);
  });
  afterAll(() => hospital?.stop());

  test('a phantom with a bleed, auto-forwarded by Orthanc, comes back flagged with report and heat maps in its own study', async () => {
    const study = await phantomThrough(hospital, 'bleed', ['subdural', 'intraparenchymal']);
    expect(study.state).toBe('flagged');
    expect(study.findings?.['any']?.present).toBe(true);
    await expectCommitted(hospital, study.studyInstanceUid, [SR, SC]);
  });

  test('a phantom without a bleed comes back clear with a report and no heat map', async () => {
    const study = await phantomThrough(hospital, 'normal', []);
    expect(study.state).toBe('clear');
    await expectCommitted(hospital, study.studyInstanceUid, [SR]);
  });

  test('what Ichor wrote does not come back in when the PACS forwards the whole study again', async () => {
    const [study] = await studies(hospital);
    const before = await studyView(hospital.api, study!.studyInstanceUid);
    await hospital.orthanc.post('/modalities/ichor/store', {
      Resources: [await orthancStudy(hospital, study!.studyInstanceUid)],
      Synchronous: true,
    });
    await eventually(
      'the study is quiet again',
      async () => (await studyView(hospital.api, study!.studyInstanceUid))?.times.complete,
    );
    const after = await studyView(hospital.api, study!.studyInstanceUid);
    expect(after?.receivedInstances).toBe(before?.receivedInstances);
    expect(after?.revision).toBe(before?.revision);
  });

  describeWithSharedData('with the real head CT of ../shared', () => {
    test('a real, tilted head CT with uneven gaps and no hemorrhage ends clear or not-analysed, with its report in the PACS', async () => {
      const folder = sharedData('head-ct-ge');
      const files = (await readdir(folder)).filter((name) => name.endsWith('.dcm')).map((name) => join(folder, name));
      scan(hospital, files);
      const study = await untilFirstResult(
        hospital,
        new Set((await studies(hospital)).map((one) => one.studyInstanceUid)),
      );
      expect(['clear', 'not-analysed']).toContain(study.state);
      expect(study.receivedInstances).toBe(files.length);
      await expectCommitted(hospital, study.studyInstanceUid, [SR]);
    });
  });
});

describe('Redis as queue, two workers, receiver and worklist, each a process of its own', () => {
  let hospital: Hospital;
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
    hospital = await openHospital([['receiver'], ['worker'], ['worker'], ['worklist']], { ICHOR_QUEUE_URL: redis.url });
  });
  afterAll(async () => {
    await hospital?.stop();
    await redis?.stop();
  });

  test('several studies at once are each analysed once, reported once and committed', async () => {
    const sent = await Promise.all(
      [1, 2, 3].map((number) => makePhantom(`many-${number}`, number === 2 ? [] : ['subdural'])),
    );
    for (const { files } of sent) scan(hospital, files);
    for (const { studyInstanceUid } of sent) {
      const study = await untilResult(hospital.api, studyInstanceUid);
      expect(study.state).not.toBe('failed');
      await expectCommitted(hospital, studyInstanceUid, [SR]);
      const reports = await instancesOf(hospital, studyInstanceUid, SR);
      expect(reports).toHaveLength(1);
    }
  });
});

async function studies({ api }: Hospital): Promise<StudyView[]> {
  const answer = (await (await fetchApi(api, '/api/studies')).json()) as { studies: StudyView[] };
  return answer.studies;
}

const untilFirstResult = (hospital: Hospital, known: ReadonlySet<string>) =>
  eventually(
    'a new study with a result',
    async () => (await studies(hospital)).find((one) => !known.has(one.studyInstanceUid) && one.revision > 0),
    120_000,
  );

async function orthancStudy({ orthanc }: Hospital, studyInstanceUid: string): Promise<string> {
  const [id] = await orthanc.post<string[]>('/tools/find', {
    Level: 'Study',
    Query: { StudyInstanceUID: studyInstanceUid },
  });
  return id!;
}

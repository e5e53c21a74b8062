/** Why an object of ours cannot be sent, on a real file system. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { part10Header } from '@ichor/dicom/part10';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { openObject } from './openObject.ts';

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'ichor-objects-'));
});
afterEach(() => rm(dataDir, { recursive: true }));

const due = {
  deliveryId: 1,
  sopInstanceUid: '1.2.4',
  sopClassUid: '1.2.5',
  path: '1.2.3/1.2.4.dcm',
  attempts: 0,
  pendingMs: 0,
};
const file = (): string => join(dataDir, 'objects', due.path);
const makeFolder = (): Promise<unknown> => mkdir(join(dataDir, 'objects', '1.2.3'), { recursive: true });

test('an object that lies there is sent', async () => {
  await makeFolder();
  const { sopInstanceUid, sopClassUid } = due;
  const meta = { sopInstanceUid, sopClassUid, transferSyntaxUid: '1.2.840.10008.1.2.1', callingAeTitle: '' };
  await writeFile(file(), part10Header(meta));
  expect(await openObject({ dataDir }, due)).toMatchObject({ sopInstanceUid, sopClassUid });
});

test('one that is gone from among others, or damaged, is told with its own remedy', async () => {
  await makeFolder();
  await writeFile(join(dataDir, 'objects', '1.2.3', '1.2.9.dcm'), 'another');
  const missing = openObject({ dataDir }, due);
  await expect(missing).rejects.toMatchObject({ code: 'OBJECT_MISSING', retryable: false });
  await expect(missing).rejects.toThrow(/1\.2\.4\.dcm is missing from the derived objects.*Restore.*ichor redeliver/);
  await writeFile(file(), 'no DICOM');
  await expect(openObject({ dataDir }, due)).rejects.toThrow(/is damaged \(.*is not a DICOM file/);
});

test('a folder of derived objects that is away or empty, and a file that cannot be read, may come back', async () => {
  await expect(openObject({ dataDir }, due)).rejects.toMatchObject({ code: 'FILE_UNREADABLE', retryable: true });
  await mkdir(join(dataDir, 'objects'));
  await expect(openObject({ dataDir }, due)).rejects.toMatchObject({ code: 'FILE_UNREADABLE', retryable: true });
  await makeFolder();
  await symlink(file(), file());
  await expect(openObject({ dataDir }, due)).rejects.toMatchObject({ code: 'FILE_UNREADABLE', retryable: true });
});

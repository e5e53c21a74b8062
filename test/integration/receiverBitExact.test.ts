/** What is stored is bit for bit what was sent: real and tricky objects, dcmtk and pynetdicom, every accepted transfer syntax. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { part10Header } from '@ichor/dicom/part10';
import { readMeta, readPart10 } from '@ichor/dicom/readPart10';
import { TRANSFER_SYNTAXES, transferSyntax } from '@ichor/dicom/transferSyntaxes';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { requirePeer } from '../support/peers.ts';
import { runPython } from '../support/python.ts';
import { type Identity, TRICKY } from '../support/rawDataset.ts';
import { CT } from '../support/rawPeer.ts';
import { type RecordingProxy, startRecordingProxy } from '../support/recordingProxy.ts';
import { describeWithSharedData, sharedData } from '../support/sharedData.ts';
import { startTestReceiver, type TestReceiver } from '../support/testReceiver.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';

let folder: WorkFolder;
let receiver: TestReceiver;
let proxy: RecordingProxy;
beforeAll(async () => {
  folder = await openWorkFolder('bit-exact');
  receiver = await startTestReceiver();
  proxy = await startRecordingProxy(receiver.port);
});
afterAll(async () => {
  proxy?.close();
  await receiver?.close();
  await folder?.remove();
});

/** dcmtk knows no HTJ2K, and its storescu refuses to send what it cannot name. */
const UNKNOWN_TO_DCMTK = new Set(['4.201', '4.202', '4.203'].map((end) => `1.2.840.10008.1.2.${end}`));

test('the tricky objects cover every accepted transfer syntax', () => {
  const covered = new Set(TRICKY.map(({ transferSyntaxUid }) => transferSyntaxUid));
  expect([...covered].sort()).toEqual(TRANSFER_SYNTAXES.map(({ uid }) => uid).sort());
});

describe('tricky objects', () => {
  let files: string[];
  beforeAll(async () => {
    files = await Promise.all(TRICKY.map((tricky, index) => writeTricky(tricky, index)));
  });

  test('pynetdicom, which sends the bytes of the files as they are', async () => {
    await expectFileBytesStored(files);
  });

  test('pynetdicom, which reads and writes each dataset anew', async () => {
    await expectWireBytesStored(await readable(files), (paths) => sendWithPynetdicom(paths, proxy.port, false));
  });

  test('dcmtk storescu', async () => {
    const known = files.filter((_file, index) => !UNKNOWN_TO_DCMTK.has(TRICKY[index]!.transferSyntaxUid));
    await expectWireBytesStored(known, sendWithStorescu);
  });
});

describeWithSharedData('everything in ../shared/data', () => {
  let files: string[];
  beforeAll(async () => {
    files = await acceptedFiles();
  });

  test('there are real objects in nearly every transfer syntax', () => {
    expect(files.length).toBeGreaterThan(50);
  });

  test('pynetdicom, which sends the bytes of the files as they are', async () => {
    await expectFileBytesStored(await consistent(files));
  });

  test('pynetdicom, which reads and writes each dataset anew', async () => {
    await expectWireBytesStored(files, (paths) => sendWithPynetdicom(paths, proxy.port, false));
  });

  test('dcmtk storescu', async () => {
    await expectWireBytesStored(files, sendWithStorescu);
  });
});

async function writeTricky({ transferSyntaxUid, dataset }: (typeof TRICKY)[number], index: number): Promise<string> {
  const identity: Identity = { study: '1.2.99', series: '1.2.99.1', instance: `1.2.99.1.${index + 1}`, sopClass: CT };
  const path = join(folder.path, `tricky-${index}.dcm`);
  const header = part10Header({
    sopClassUid: CT,
    sopInstanceUid: identity.instance,
    transferSyntaxUid,
    callingAeTitle: '',
  });
  await writeFile(path, Buffer.concat([header, dataset(identity)]));
  return path;
}

/** Part 10 files of the shared data in a syntax that Ichor accepts. */
async function acceptedFiles(): Promise<string[]> {
  const entries = await readdir(sharedData(), { recursive: true, withFileTypes: true });
  const accepted: string[] = [];
  for (const entry of entries) {
    if (!entry.isFile() || !/dicom|head-ct|transfer/.test(entry.parentPath)) continue;
    const path = join(entry.parentPath, entry.name);
    const bytes = await readFile(path);
    if (bytes.subarray(128, 132).toString('latin1') !== 'DICM') continue;
    if (transferSyntax(readMeta(bytes, path).transferSyntaxUid) !== null) accepted.push(path);
  }
  return accepted.sort();
}

/** pynetdicom takes the UIDs of the command from the file meta information: where they are not the dataset's, 0xA900 is due. */
async function consistent(files: readonly string[]): Promise<string[]> {
  const checked = await Promise.all(
    files.map(async (path) => {
      const { sopInstanceUid, dataset } = readPart10(await readFile(path), path);
      return sopInstanceUid === dataset.text('SOPInstanceUID');
    }),
  );
  expect(checked.filter((isConsistent) => !isConsistent).length).toBeLessThan(3);
  return files.filter((_path, index) => checked[index]);
}

const datasetOfFile = async (path: string): Promise<Buffer> => {
  const bytes = await readFile(path);
  return bytes.subarray(readMeta(bytes, path).datasetOffset);
};

/** Each file's dataset is found in the spool, unchanged. */
async function expectFileBytesStored(files: readonly string[]): Promise<void> {
  const [before, refusedBefore] = [receiver.stored.length, receiver.refused.length];
  await sendWithPynetdicom(files, receiver.port, true);
  expect(receiver.refused.slice(refusedBefore)).toEqual([]);
  const stored = receiver.stored.slice(before);
  expect(stored).toHaveLength(files.length);
  for (const [index, path] of files.entries())
    expectSame(await datasetOfFile(stored[index]!.path), await datasetOfFile(path), path);
}

/** Whatever the sender put on the wire is found in the spool, unchanged. */
async function expectWireBytesStored(
  files: readonly string[],
  send: (files: readonly string[]) => Promise<void>,
): Promise<void> {
  const [before, sentBefore, refusedBefore] = [
    receiver.stored.length,
    proxy.datasets().length,
    receiver.refused.length,
  ];
  await send(files);
  expect(receiver.refused.slice(refusedBefore)).toEqual([]);
  const [stored, sent] = [receiver.stored.slice(before), proxy.datasets().slice(sentBefore)];
  expect(sent).toHaveLength(files.length);
  expect(stored).toHaveLength(files.length);
  for (const [index, { sopInstanceUid, bytes }] of sent.entries()) {
    expect(stored[index]!.sopInstanceUid).toBe(sopInstanceUid);
    expectSame(await datasetOfFile(stored[index]!.path), bytes, sopInstanceUid);
  }
}

function expectSame(stored: Buffer, sent: Buffer, name: string): void {
  expect({ name, length: stored.length, same: stored.equals(sent) }).toEqual({ name, length: sent.length, same: true });
}

/** One association for each file, which proposes the file's own transfer syntax only. */
async function sendWithPynetdicom(files: readonly string[], port: number, asTheyAre: boolean): Promise<void> {
  await writeFile(join(folder.path, 'list'), files.join('\n'));
  const program = `
import sys
from pydicom import dcmread
from pydicom.filereader import read_file_meta_info
from pynetdicom import AE, _config
_config.STORE_SEND_CHUNKED_DATASET = sys.argv[3] == 'True'
_config.ENFORCE_UID_CONFORMANCE = False
for path in open(sys.argv[1]).read().split('\\n'):
    meta = read_file_meta_info(path)
    ae = AE('PYNETDICOM')
    ae.add_requested_context(meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID)
    association = ae.associate('127.0.0.1', int(sys.argv[2]), ae_title='ICHOR')
    assert association.is_established, path
    what = path if _config.STORE_SEND_CHUNKED_DATASET else dcmread(path)
    status = association.send_c_store(what)
    assert status and status.Status == 0, (path, status)
    association.release()
`;
  await runPython(program, [join(folder.path, 'list'), String(port), asTheyAre ? 'True' : 'False']);
}

/** Files that pydicom can read and write again; it has no writer for a deflated dataset that it did not deflate itself. */
async function readable(files: readonly string[]): Promise<string[]> {
  return files.filter((_file, index) => TRICKY[index]!.transferSyntaxUid !== '1.2.840.10008.1.2.1.99');
}

/** One association for each file, with a profile that proposes the file's own transfer syntax only. */
async function sendWithStorescu(files: readonly string[]): Promise<void> {
  for (const path of files) {
    const { transferSyntaxUid, sopClassUid } = readMeta(await readFile(path), path);
    const profile = join(folder.path, 'profile.cfg');
    await writeFile(profile, profileFor(sopClassUid!, transferSyntaxUid));
    const child = spawn(requirePeer('storescu'), [
      '-xf',
      profile,
      'Default',
      '-aec',
      'ICHOR',
      '127.0.0.1',
      String(proxy.port),
      path,
    ]);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(`storescu ${path}: ${output}`);
  }
}

const profileFor = (sopClassUid: string, transferSyntaxUid: string): string => `
[[TransferSyntaxes]]
[Only]
TransferSyntax1 = ${transferSyntaxUid}
[[PresentationContexts]]
[All]
PresentationContext1 = ${sopClassUid}\\Only
[[Profiles]]
[Default]
PresentationContexts = All
`;

/** Phantoms in every transfer syntax, read back by decoders that are not ours, and judged by dciodvfy. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { PHANTOM_TRANSFER_SYNTAXES } from '@ichor/phantom/encodePart10';
import { type PhantomStudy, writePhantomStudy } from '@ichor/phantom/writeStudy';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ROOT } from '../support/ichor.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';

const PYTHON = process.env['ICHOR_PYTHON'] ?? join(ROOT, '.venv', 'bin', 'python');
/** pydicom with pylibjpeg; also leaves a native copy for a validator that knows neither HTJ2K nor deflate. */
const DECODE = `
import hashlib, json, sys
import numpy as np, pydicom
out = []
for path in sys.argv[1:]:
    ds = pydicom.dcmread(path)
    hu = ds.pixel_array.astype(np.int32) * int(ds.RescaleSlope) + int(ds.RescaleIntercept)
    out.append([str(ds.file_meta.TransferSyntaxUID), hashlib.sha256(hu.astype('<i2').tobytes()).hexdigest()])
    syntax = ds.file_meta.TransferSyntaxUID
    if syntax.is_encapsulated or syntax.is_deflated:
        if syntax.is_encapsulated: ds.decompress(generate_instance_uid=False)
        ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        ds.save_as(path + '.native')
print(json.dumps(out))
`;
const NOT_READ_BY_DCIODVFY = ['1.2.840.10008.1.2.1.99', '1.2.840.10008.1.2.4.201', '1.2.840.10008.1.2.4.202'];

let folder: WorkFolder;
beforeAll(async () => {
  folder = await openWorkFolder('phantom-transfer-syntaxes');
});
afterAll(() => folder.remove());

const write = (transferSyntaxUid: string): Promise<PhantomStudy> =>
  writePhantomStudy({
    out: join(folder.path, transferSyntaxUid),
    seed: 11,
    slices: 3,
    matrix: 128,
    bleeds: ['subdural'],
    transferSyntaxUid,
  });

function decode(paths: readonly string[]): [string, string][] {
  const { status, stdout, stderr } = spawnSync(PYTHON, ['-c', DECODE, ...paths], { encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, expect.any(String)]);
  return JSON.parse(stdout) as [string, string][];
}

const sha256 = (hu: Int16Array): string =>
  createHash('sha256')
    .update(Buffer.from(hu.buffer, hu.byteOffset, hu.byteLength))
    .digest('hex');

describe.each(PHANTOM_TRANSFER_SYNTAXES)('a phantom in %s', (transferSyntaxUid) => {
  test('decodes elsewhere to the Hounsfield units that were painted, and has no dciodvfy error', async () => {
    const { files, phantom } = await write(transferSyntaxUid);
    expect(decode(files)).toEqual(phantom.slices.map(({ hu }) => [transferSyntaxUid, sha256(hu)]));
    const suffix = NOT_READ_BY_DCIODVFY.includes(transferSyntaxUid) ? '.native' : '';
    const { stdout, stderr } = spawnSync('dciodvfy', [`${files[0]!}${suffix}`], { encoding: 'utf8' });
    expect(`${stdout}${stderr}`).toContain('CTImage');
    expect(`${stdout}${stderr}`.split('\n').filter((line) => line.includes('Error'))).toEqual([]);
  });
});

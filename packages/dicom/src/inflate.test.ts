import { deflateRawSync } from 'node:zlib';
import { IchorError } from '@ichor/shared/errors';
import { describe, expect, test } from '@jest/globals';
import { UNDEFINED_LENGTH, writerFor } from '../../../test/support/rawDataset.ts';
import { readDataset } from './dataset.ts';
import type { InflatedPixelData } from './inflate.ts';

const DEFLATED = '1.2.840.10008.1.2.1.99';
const { element, item } = writerFor('explicit');
const MIB = 1_048_576;

const head = [element(0x00080018, 'UI', '1.2.3'), element(0x00100020, 'LO', 'ID')];
const pixels = element(0x7fe00010, 'OW', Buffer.alloc(16 * MIB, 1));
const tail = element(0xfffcfffc, 'OB', Buffer.alloc(100));
const deflate = (...elements: Buffer[]): Buffer => deflateRawSync(Buffer.concat(elements), { level: 1 });
const image = deflate(...head, pixels, tail);

async function inflated(bytes: Buffer, pixelData: InflatedPixelData, pieceBytes = bytes.length) {
  let [keptBytes, totalBytes] = [0, 0];
  const pieces = Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, index) =>
    bytes.subarray(index * pieceBytes, (index + 1) * pieceBytes),
  );
  const dataset = await readDataset(pieces, DEFLATED, pixelData, {
    inflated: (total) => (totalBytes = total),
    kept: (more) => (keptBytes += more),
  });
  return { dataset, keptBytes, totalBytes };
}

async function refusal(bytes: Buffer): Promise<{ totalBytes: number; error: unknown }> {
  let totalBytes = 0;
  const error = await readDataset([bytes], DEFLATED, 'count', { inflated: (total) => (totalBytes = total) }).catch(
    (thrown: unknown) => thrown,
  );
  return { totalBytes, error };
}

describe('a deflated dataset', () => {
  test.each([image.length, 1_000, 7])(
    'in pieces of %d bytes is checked to its end, its pixels counted and let go',
    async (pieceBytes) => {
      const { dataset, keptBytes, totalBytes } = await inflated(image, 'count', pieceBytes);
      expect([dataset.text('SOPInstanceUID'), dataset.has('DataSetTrailingPadding')]).toEqual(['1.2.3', true]);
      expect(totalBytes).toBeGreaterThan(16 * MIB);
      expect(keptBytes).toBeLessThan(MIB);
    },
  );
  test('is inflated as far as Pixel Data when only its head is wanted', async () => {
    const { dataset, totalBytes } = await inflated(image, 'stop');
    expect([dataset.text('PatientID'), dataset.has('PixelData')]).toEqual(['ID', true]);
    expect(totalBytes).toBeLessThan(MIB);
  });
  test('keeps its pixels when they are wanted', async () => {
    const { dataset } = await inflated(image, 'keep');
    expect(dataset.pixelData()).toMatchObject({ kind: 'native', declaredLength: 16 * MIB });
  });
  test('lets any large value go, not only pixels', async () => {
    const large = element(0x00091001, 'OB', Buffer.alloc(8 * MIB));
    const { dataset, keptBytes } = await inflated(
      deflate(...head, large, element(0x00200010, 'SH', 'ST'), tail),
      'count',
    );
    expect(dataset.text('StudyID')).toBe('ST');
    expect(keptBytes).toBeLessThan(MIB);
  });
  test('of nothing but large sequences is held, and charged', async () => {
    const sequence = element(0x00081110, 'SQ', item(element(0x00091001, 'OB', Buffer.alloc(8 * MIB))));
    const { keptBytes } = await inflated(deflate(...head, sequence), 'count');
    expect(keptBytes).toBeGreaterThan(8 * MIB);
  });
  test('is held up to a bound, whatever the limits of the caller', async () => {
    const endless = Buffer.alloc(136 * MIB);
    Buffer.concat([
      element(0x00081110, 'SQ', Buffer.alloc(0), UNDEFINED_LENGTH),
      item(Buffer.alloc(0), UNDEFINED_LENGTH),
      element(0x00091001, 'OB', Buffer.alloc(0), 0xfffffff0),
    ]).copy(endless);
    await expect(inflated(deflate(endless), 'count')).rejects.toMatchObject({ code: 'DATASET_UNREADABLE' });
  });
  test('of more elements than any device writes is given up as soon as that is seen', async () => {
    const { totalBytes, error } = await refusal(deflate(...head, Buffer.alloc(64 * MIB)));
    expect(error).toMatchObject({ code: 'DATASET_UNREADABLE' });
    expect(totalBytes).toBeLessThan(20 * MIB);
  });
  test('stops where the watch throws', async () => {
    let pieces = 0;
    const stopped = readDataset([image], DEFLATED, 'count', {
      inflated(totalBytes) {
        pieces++;
        if (totalBytes > MIB) throw new IchorError('MEMORY_EXHAUSTED');
      },
    });
    await expect(stopped).rejects.toMatchObject({ code: 'MEMORY_EXHAUSTED' });
    expect(pieces).toBeLessThan(20);
  });
  test('that is cut, or whose content is, is refused', async () => {
    const refused = [
      image.subarray(0, image.length - 40),
      deflate(...head, pixels.subarray(0, MIB)),
      deflate(...head, element(0x00104000, 'LT', 'short', 200)),
      Buffer.from('not deflated at all'),
    ];
    for (const bytes of refused)
      await expect(inflated(bytes, 'count')).rejects.toMatchObject({ code: 'DATASET_UNREADABLE' });
  });
  test('may be padded behind its end', async () => {
    for (const padding of [1, 70_000]) {
      const { dataset } = await inflated(Buffer.concat([image, Buffer.alloc(padding)]), 'count', 1_000);
      expect(dataset.text('SOPInstanceUID')).toBe('1.2.3');
    }
  });
});

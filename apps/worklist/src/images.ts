/** Pictures: what they have in common, and heat maps, from the secondary captures that Ichor made and from the result. */
import { createHash, randomUUID } from 'node:crypto';
import { mapOf } from '@ichor/analysis/sliceHeatmaps';
import { readPart10 } from '@ichor/dicom/readPart10';
import { layerPng, rgbPng } from '@ichor/report/heatmapImage';
import { asIchorError, IchorError } from '@ichor/shared/errors';
import type { ObjectReference } from '@ichor/shared/files';
import type { SliceHeatmap } from '@ichor/shared/study';
import { readDerivedObject } from '@ichor/store/files/derivedObject';
import type { FileStore } from '@ichor/store/files/fileStore';
import type { Database } from '@ichor/store/postgres/database';
import { heatmapPaths } from '@ichor/store/rows/derivedObject';
import { heatmapsOf as heatmapRows, leadingKeySlice, sliceScoresOf } from '@ichor/store/rows/result';

/** A PNG that need not be drawn for a browser that has it already. */
export type Picture = {
  /** Entity tag (RFC 9110 §8.8.3): the same as long as the picture is. */
  readonly etag: string;
  /** @param signal of whoever asks and may go away */
  readonly draw: (signal: AbortSignal) => Promise<Buffer>;
};

/** Another Ichor may draw otherwise: a tag counts while this process runs. */
const DRAWN_BY = randomUUID();
export function picture(madeFrom: readonly unknown[], draw: Picture['draw']): Picture {
  const made = JSON.stringify([DRAWN_BY, ...madeFrom]);
  return { etag: `"${createHash('sha256').update(made).digest('base64url')}"`, draw };
}

export type Source = { readonly database: Database; readonly objects: FileStore<ObjectReference> };
export const missing = (what: string, number: number) =>
  new IchorError('REQUEST_INVALID', { reason: `there is no ${what} ${number} of this study` });

type HeatmapFile = readonly [slice: string, reference: ObjectReference];

/** `<SOP Instance UID> <frame>` of a slice → the picture with its heat map: derived objects that can be read. */
export async function heatmapsOf(source: Source, studyInstanceUid: string): Promise<Map<string, ObjectReference>> {
  const files = await heatmapFiles(source, studyInstanceUid);
  return new Map(files.filter(isFile));
}

async function heatmapFiles(source: Source, studyInstanceUid: string): Promise<(HeatmapFile | IchorError)[]> {
  const references = await heatmapPaths(source.database, studyInstanceUid);
  return Promise.all(references.map((reference) => sourceOf(source, reference).catch(asIchorError)));
}

const isFile = (file: HeatmapFile | IchorError): file is HeatmapFile => !(file instanceof IchorError);

/** A file is read once: an object never changes. */
const sources = new Map<string, HeatmapFile>();
async function sourceOf({ objects }: Source, reference: ObjectReference): Promise<HeatmapFile> {
  const key = JSON.stringify([objects.address, reference]);
  const known = sources.get(key);
  if (known !== undefined) return known;
  const bytes = await readDerivedObject(objects, reference);
  const [source] = readPart10(bytes, reference).dataset.items('SourceImageSequence');
  const found = [
    sliceKey(source?.text('ReferencedSOPInstanceUID') ?? '', source?.number('ReferencedFrameNumber') ?? 1),
    reference,
  ] as const;
  if (sources.size > 10_000) sources.clear();
  sources.set(key, found);
  return found;
}
export const sliceKey = (sopInstanceUid: string, frameNumber = 1): string => `${sopInstanceUid} ${frameNumber}`;

/**
 * The n-th analysed slice with its heat map, as the PACS gets it.
 * @throws IchorError STUDY_UNKNOWN, REQUEST_INVALID; FILE_UNREADABLE, OBJECT_MISSING when it may be one that cannot be read
 */
export async function heatmapImage(source: Source, studyInstanceUid: string, number: number): Promise<Picture> {
  const slice = (await sliceScoresOf(source.database, studyInstanceUid))[number - 1];
  const files = slice === undefined ? [] : await heatmapFiles(source, studyInstanceUid);
  const key = sliceKey(slice?.sopInstanceUid ?? '', slice?.frameNumber);
  const reference = new Map(files.filter(isFile)).get(key);
  const fault = files.find((file) => file instanceof IchorError);
  if (reference === undefined) throw fault ?? missing('heat map of slice', number);
  return picture([reference], () => secondaryCapture(source, reference));
}

/** The heat maps of the study's current result as numbers; none of a result from before Ichor kept them. */
export async function mapsOf(
  database: Database,
  studyInstanceUid: string,
): Promise<ReadonlyMap<string, SliceHeatmap & { readonly resultId: string }>> {
  const maps = await heatmapRows(database, studyInstanceUid);
  return new Map(maps.map((map) => [sliceKey(map.sopInstanceUid, map.frameNumber), map]));
}

/** The heat map of the n-th analysed slice alone, transparent where it is weak. @throws IchorError STUDY_UNKNOWN, REQUEST_INVALID */
export async function layerImage({ database }: Source, studyInstanceUid: string, number: number): Promise<Picture> {
  const slice = (await sliceScoresOf(database, studyInstanceUid))[number - 1];
  const maps = await mapsOf(database, studyInstanceUid);
  const heatmap = slice === undefined ? undefined : maps.get(sliceKey(slice.sopInstanceUid, slice.frameNumber));
  if (heatmap === undefined) throw missing('layer of slice', number);
  return picture(['layer', heatmap.resultId, number], () => layerPng({ ...heatmap, map: mapOf(heatmap) }));
}

async function secondaryCapture({ objects }: Source, reference: ObjectReference, sidePixels?: number): Promise<Buffer> {
  const { dataset } = readPart10(await readDerivedObject(objects, reference), reference);
  const pixels = dataset.pixelData();
  const [rows, columns] = [dataset.number('Rows') ?? 0, dataset.number('Columns') ?? 0];
  if (pixels?.kind !== 'native') throw new IchorError('REQUEST_INVALID', { reason: 'the heat map is not readable' });
  return rgbPng({ rgb: Buffer.from(pixels.bytes.subarray(0, rows * columns * 3)), rows, columns }, sidePixels);
}

/** The slice a thumbnail shows: the key slice with the highest score; null when the study has none. */
export async function thumbnail(source: Source, studyInstanceUid: string): Promise<Picture | null> {
  const key = await leadingKeySlice(source.database, studyInstanceUid);
  const reference =
    key === null
      ? undefined
      : (await heatmapsOf(source, studyInstanceUid)).get(sliceKey(key.sopInstanceUid, key.frameNumber));
  return reference ? picture(['thumbnail', reference], () => secondaryCapture(source, reference, 96)) : null;
}

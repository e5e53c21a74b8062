/** The heat-map series, drawn a second time by numpy from the source pixels as docs/conformance.md §3.1 says. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type AnalysedStudy, analyseStudy } from '@ichor/analysis/analyseStudy';
import { noFeatureCache } from '@ichor/analysis/featureCache';
import { type Inference, startInference } from '@ichor/analysis/inference/inference';
import { findDicomFiles } from '@ichor/analysis/volume/findDicomFiles';
import { CODES } from '@ichor/dicom/codes';
import { writeObjects } from '@ichor/report/writeObjects';
import { loadConfig } from '@ichor/settings/config';
import { FINDING_CLASSES } from '@ichor/shared/study';
import { localFiles } from '@ichor/store/files/folderReader';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { runIchor } from '../support/ichor.ts';
import { silentLog } from '../support/postgres.ts';
import { runPython } from '../support/python.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';

/** What pydicom reads from one heat map, and how far its pixels are from numpy's. */
type Seen = {
  readonly attributes: Readonly<Record<string, string>>;
  readonly source: Readonly<Record<string, string>>;
  readonly greatestDifference: number;
  readonly meanDifference: number;
  readonly tintedShare: number;
  readonly warningColumns: readonly [number, number];
};

/** Of 255: grey and map are rounded to 8 bits before they are blended; where the tint begins, one step of the map is three of the picture. */
const TOLERANCE = 3;

/** Whatever the bundle thinks of the phantoms' kinds of hemorrhage. */
const KINDS_ARE_NAMED = 'subdural=0.001,intraventricular=0.001';

let folder: WorkFolder;
let inference: Inference;
beforeAll(async () => {
  folder = await openWorkFolder('heatmap');
  inference = await startInference(loadConfig({ ICHOR_THRESHOLDS: KINDS_ARE_NAMED }), silentLog);
});
afterAll(async () => {
  await inference?.close();
  await folder?.remove();
});

describe.each([
  ['512 × 512, drawn in its own matrix', 512],
  ['192 × 192, drawn three times as large', 192],
])('the heat maps of a series of %s', (_name, matrix) => {
  let analysed: AnalysedStudy;
  let seen: Seen[];
  beforeAll(async () => {
    const [sources, out] = [join(folder.path, `${matrix}`), join(folder.path, `${matrix}-out`)];
    const options = [
      '--seed',
      '17',
      '--slices',
      '24',
      '--matrix',
      String(matrix),
      '--bleed',
      'subdural,intraventricular',
    ];
    expect((await runIchor(['phantom', '--out', sources, ...options])).code).toBe(0);
    analysed = await analyseStudy('any', await findDicomFiles(sources), {
      inference,
      features: noFeatureCache,
      files: localFiles,
    });
    seen = await drawnAgain(analysed, sources, out);
  });

  test('are one for each key slice, and so are worth looking at', () => {
    expect(seen.length).toBe(new Set(analysed.result.keySlices.map(({ sopInstanceUid }) => sopInstanceUid)).size);
    expect(seen.some(({ tintedShare }) => tintedShare > 0.02)).toBe(true);
  });

  test(`have numpy's pixels to within ${TOLERANCE} of 255 outside of the texts`, () => {
    for (const { greatestDifference, meanDifference } of seen) {
      expect(greatestDifference).toBeLessThanOrEqual(TOLERANCE);
      expect(meanDifference).toBeLessThan(0.5);
    }
  });

  test('lie where their source slice lies, in its frame of reference, at its size', () => {
    const enlarged = matrix === 512 ? 1 : 3;
    for (const { attributes, source } of seen) {
      for (const same of ['OuterCorner', 'ImageOrientationPatient', 'FrameOfReferenceUID', 'StudyInstanceUID'])
        expect([same, attributes[same]]).toEqual([same, source[same]]);
      expect([attributes['PatientID'], attributes['AccessionNumber']]).toEqual([
        source['PatientID'],
        source['AccessionNumber'],
      ]);
      expect(Number(attributes['Rows'])).toBe(matrix * enlarged);
      expect(Number(attributes['PixelSpacing'])).toBeCloseTo(Number(source['PixelSpacing']) / enlarged, 6);
      expect(attributes['SeriesInstanceUID']).not.toBe(source['SeriesInstanceUID']);
    }
  });

  test('name their source, how they were made, and that they are not for diagnostic use', () => {
    const keySlices = new Set(analysed.result.keySlices.map(({ sopInstanceUid }) => sopInstanceUid));
    for (const { attributes, source } of seen) {
      expect(keySlices).toContain(attributes['SourceUID']);
      expect(attributes['SourceClass']).toBe(source['SOPClassUID']);
      expect(attributes['SourcePurpose']).toBe(CODES.sourceForDerivation.value);
      expect(attributes['BurnedInAnnotation']).toBe('YES');
      expect(attributes['ImageType']).toMatch(/^DERIVED SECONDARY/);
      expect(attributes['DerivationDescription']).toMatch(/^Grad-CAM .*hemorrhage.*Not for diagnostic use\.$/);
      expect(attributes['SeriesDescription']).toContain('not for diagnostic use');
      expect(attributes['ImageComments']).toMatch(/^(Epi|Sub|Intra)[a-z]+ hemorrhage \d+(\.\d)? %/);
    }
  });

  test('say so in the pixels too, in the middle of the bottom edge', () => {
    for (const { warningColumns, attributes } of seen) {
      const [first, last] = warningColumns;
      const columns = Number(attributes['Columns']);
      expect(last - first).toBeGreaterThan(columns * 0.4);
      expect(Math.abs((first + last) / 2 - columns / 2)).toBeLessThan(columns * 0.02);
    }
  });
});

async function drawnAgain(analysed: AnalysedStudy, sources: string, out: string): Promise<Seen[]> {
  const objects = await writeObjects(analysed, loadConfig({}), null);
  const heatmaps = objects.filter(({ kind }) => kind === 'SC');
  for (const [index, { bytes }] of heatmaps.entries()) await writeFile(`${out}-${index}.dcm`, bytes);
  const maps = analysed.analysis!.keySliceImages.map(({ maps: ofSlice }) => {
    const drawnOfSlice = ofSlice.map(({ classIndex, ...rest }) => ({ ...rest, name: FINDING_CLASSES[classIndex] }));
    const subtypes = drawnOfSlice.filter(({ name }) => name !== 'any');
    const [shown] = (subtypes.length > 0 ? subtypes : drawnOfSlice).sort(
      (one, other) => other.probability - one.probability,
    );
    return { rows: shown!.mapRows, columns: shown!.mapColumns, map: [...shown!.map] };
  });
  await writeFile(`${out}.json`, JSON.stringify(maps));
  return JSON.parse(await runPython(DRAW_AGAIN, [sources, out])) as Seen[];
}

const DRAW_AGAIN = `
import glob, json, sys
import numpy as np, pydicom

sources_folder, out = sys.argv[1:]
sources = {}
for path in glob.glob(sources_folder + '/**/*.dcm', recursive=True):
    dataset = pydicom.dcmread(path)
    sources[dataset.SOPInstanceUID] = dataset

def catmull_rom(x):
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0))

def enlarge_rows(image, rows):
    centres = (np.arange(rows) + 0.5) * image.shape[0] / rows - 0.5
    taps = np.floor(centres).astype(int)[:, None] + np.arange(-1, 3)
    weights = catmull_rom(centres[:, None] - taps)
    return np.einsum('rt,rtc->rc', weights, image[np.clip(taps, 0, image.shape[0] - 1)])

def enlarge(image, rows, columns):
    return enlarge_rows(enlarge_rows(image, rows).T, columns).T

STOPS = np.array([[255, 214, 10], [255, 140, 0], [230, 20, 20]], float)
def colour(strength):
    return np.stack([np.interp(strength, [0, 0.5, 1], STOPS[:, channel]) for channel in range(3)], -1)

def text(value):
    return ' '.join(map(str, value)) if isinstance(value, (list, pydicom.multival.MultiValue)) else str(value)

def attributes(dataset):
    found = {element.keyword: text(element.value) for element in dataset if element.VR not in ('SQ', 'OB', 'OW')}
    found['PixelSpacing'] = str(dataset.PixelSpacing[0])
    position, row, column = np.split(np.array([*dataset.ImagePositionPatient, *dataset.ImageOrientationPatient], float), 3)
    between_rows, between_columns = map(float, dataset.PixelSpacing)
    found['ImageOrientationPatient'] = text(list(np.round([*row, *column], 4) + 0.0))
    found['OuterCorner'] = text(list(np.round(position - (row * between_columns + column * between_rows) / 2, 3) + 0.0))
    return found

seen = []
for index, shown in enumerate(json.load(open(out + '.json'))):
    drawn = pydicom.dcmread('%s-%d.dcm' % (out, index))
    reference = drawn.SourceImageSequence[0]
    source = sources[reference.ReferencedSOPInstanceUID]
    hounsfield = source.pixel_array * float(source.RescaleSlope) + float(source.RescaleIntercept)
    rows, columns = drawn.Rows, drawn.Columns
    grey = np.clip(enlarge(np.clip(hounsfield, 0, 80) * 255 / 80, rows, columns), 0, 255)
    heat = np.array(shown['map']).reshape(shown['rows'], shown['columns'])
    heat = np.clip(enlarge(heat / (heat.max() or 1), rows, columns), 0, 1)
    strength = np.clip((heat - 0.35) / 0.65, 0, 1)[..., None]
    opacity = 0.6 * np.minimum(1, 1.6 * strength)
    expected = grey[..., None] * (1 - opacity) + colour(strength[..., 0]) * opacity
    pixels = drawn.pixel_array.astype(float)
    free = np.s_[rows * 110 // 512 : rows - rows * 45 // 512, : columns - columns * 75 // 512]
    difference = np.abs(pixels - expected)[free]
    red = (np.abs(pixels[-(rows * 25 // 512):] - (255, 107, 107)).max(-1) < 8).any(0).nonzero()[0]
    named = attributes(drawn)
    named.update(SourceUID=reference.ReferencedSOPInstanceUID, SourceClass=reference.ReferencedSOPClassUID,
                 SourcePurpose=reference.PurposeOfReferenceCodeSequence[0].CodeValue)
    seen.append(dict(attributes=named, source=attributes(source), greatestDifference=float(difference.max()),
                     meanDifference=float(difference.mean()), tintedShare=float((opacity > 0).mean()),
                     warningColumns=[int(red[0]), int(red[-1])]))
print(json.dumps(seen))
`;

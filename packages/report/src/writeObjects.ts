/** ★ Everything that goes back to the PACS for one result: reports, and heat maps of what was found. */

import type { AnalysedStudy } from '@ichor/analysis/analyseStudy';
import { CT_IMAGES, SOP_CLASS } from '@ichor/dicom/sopClasses';
import type { Config } from '@ichor/settings/config';
import type { FormerReport } from '@ichor/shared/formerReport';
import type { ImageReference } from './contentItems.ts';
import { writeHeatmap } from './secondaryCapture.ts';
import { type ReportForm, writeReport } from './structuredReport.ts';

export type DerivedObject = {
  readonly kind: 'SR' | 'SC';
  readonly sopInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly sopClassUid: string;
  /** For reports: which destinations get it; null for heat maps. */
  readonly form: ReportForm | null;
  readonly bytes: Uint8Array;
};

/** Images named in a report of a study that was not analysed; its evidence, not its analysis. */
const MOST_IMAGES_UNANALYSED = 200;

/**
 * Nothing when no header of the study could be read: then there is no patient to write a report about.
 * @throws Error when it would name an instance that the study does not have
 */
export async function writeObjects(
  analysed: AnalysedStudy,
  config: Pick<Config, 'destinations' | 'heatmaps'>,
  former: FormerReport | null,
  at = new Date(),
): Promise<DerivedObject[]> {
  const { identity } = analysed;
  if (identity === null) return [];
  const reports = formsFor(config.destinations).map((form) =>
    reportObject({ ...analysed, identity }, form, former, at),
  );
  return config.heatmaps ? [...reports, ...(await heatmapObjects(analysed, at))] : reports;
}

const DEFAULT_FORM: ReportForm = { sr: 'comprehensive-3d', title: 'triage' };

/** Each form that a destination wants, once. */
function formsFor(destinations: readonly ReportForm[]): ReportForm[] {
  const wanted = destinations.length === 0 ? [DEFAULT_FORM] : destinations;
  return [...new Map(wanted.map(({ sr, title }) => [`${sr} ${title}`, { sr, title }])).values()];
}

/** Whether a destination wants an object; heat maps have no form. */
export const wants = (destination: ReportForm, form: ReportForm | null): boolean =>
  form === null || (destination.sr === form.sr && destination.title === form.title);

type Identified = AnalysedStudy & { readonly identity: NonNullable<AnalysedStudy['identity']> };

function reportObject(analysed: Identified, form: ReportForm, former: FormerReport | null, at: Date): DerivedObject {
  const { result, identity, headers } = analysed;
  const images = imagesOf(analysed);
  const seriesOf = new Map(headers.map((header) => [header.sopInstanceUid, header.seriesInstanceUid]));
  const written = writeReport({
    result,
    identity,
    images,
    keySlices: keySlicesOf(analysed),
    form,
    seriesOf,
    former,
    at,
  });
  return { kind: 'SR', form, ...written };
}

/** The analysed slices in spatial order, or the study's CT images when nothing was analysed. */
function imagesOf({ stack, headers }: AnalysedStudy): ImageReference[] {
  if (stack !== null) {
    const uids = new Map(stack.slices.map((slice) => [slice.sopInstanceUid, slice.sopClassUid]));
    return [...uids].map(([sopInstanceUid, sopClassUid]) => ({ sopInstanceUid, sopClassUid }));
  }
  const images = headers.filter((header) => CT_IMAGES.has(header.sopClassUid));
  return (images.length > 0 ? images : headers)
    .slice(0, MOST_IMAGES_UNANALYSED)
    .map(({ sopInstanceUid, sopClassUid }) => ({ sopInstanceUid, sopClassUid }));
}

function keySlicesOf({ analysis, stack }: AnalysedStudy): (ImageReference & { finding: string })[] {
  if (analysis === null) return [];
  const classes = new Map(stack.slices.map((slice) => [slice.sopInstanceUid, slice.sopClassUid]));
  return analysis.keySlices.map(({ sopInstanceUid, frameNumber, finding }) => {
    const sopClassUid = classes.get(sopInstanceUid);
    if (sopClassUid === undefined) throw new Error(`key slice ${sopInstanceUid} is no slice of the stack`);
    return { sopInstanceUid, sopClassUid, finding, ...(frameNumber === undefined ? {} : { frameNumber }) };
  });
}

async function heatmapObjects(
  { analysis, stack, result, identity }: AnalysedStudy,
  at: Date,
): Promise<DerivedObject[]> {
  if (analysis === null) return [];
  const objects: DerivedObject[] = [];
  for (const [index, keySlice] of analysis.keySliceImages.entries()) {
    const written = await writeHeatmap({ result, identity, stack, keySlice, instanceNumber: index + 1, at });
    objects.push({ kind: 'SC', sopClassUid: SOP_CLASS.secondaryCapture, form: null, ...written });
  }
  return objects;
}

/** Whose label is whose: labels and studies put together, and everything that finds no partner counted. Pure. */
import { basename, dirname, sep } from 'node:path';
import { IchorError } from '@ichor/shared/errors';
import { FINDING_CLASSES } from '@ichor/shared/study';
import type { SurveyedStudy } from '../predictions/surveyStudies.ts';
import type { Label, LabelKey, Labels, Layout } from './readLabels.ts';

export type LabelledStudy = {
  readonly study: SurveyedStudy;
  /** Index of the patient. */
  readonly patient: number;
  /** Six times 0 or 1 for the whole study: as labelled, or the maximum over its labelled slices. */
  readonly truth: readonly number[];
  /** Six times 0 or 1 by SOP Instance UID; empty where studies are labelled. */
  readonly slices: ReadonlyMap<string, readonly number[]>;
};
export type LabelledData = {
  readonly layout: Layout;
  /** Those with a label; the others are not evaluated. */
  readonly studies: readonly LabelledStudy[];
  readonly patients: number;
  /** Where it was taken from who is one patient. */
  readonly patientFrom: 'label file' | 'Patient ID' | 'study';
  readonly labels: number;
  /** Labels of instances or studies that are not there. */
  readonly labelsWithoutImage: number;
  readonly studiesWithoutLabel: readonly string[];
  /** Instances without a label in studies that have some. */
  readonly instancesWithoutLabel: number;
};

/** @throws IchorError INPUT_UNUSABLE when no label has a study, or a file name stands for several files */
export function matchLabels({ layout, labels, paths }: Labels, studies: readonly SurveyedStudy[]): LabelledData {
  const find = finderOf(studies);
  const found = studies.map(() => [] as { label: Label; sopInstanceUid: string | null }[]);
  let labelsWithoutImage = 0;
  for (const label of labels) {
    const place = find(label.key);
    if (place === null) labelsWithoutImage += 1;
    else found[place.study]!.push({ label, sopInstanceUid: place.sopInstanceUid });
  }
  if (labelsWithoutImage === labels.length)
    throw new IchorError('INPUT_UNUSABLE', {
      path: paths.join(', '),
      reason: 'none of its labels belongs to an image in the folders given; compare its UIDs or file names with theirs',
    });
  const labelled = studies.flatMap((study, index) =>
    found[index]!.length === 0 ? [] : [{ study, found: found[index]! }],
  );
  const patients = numberPatients(labelled);
  const matched = labelled.map((one, index) => labelledStudy(one, patients.index[index]!));
  return {
    layout,
    studies: matched,
    patients: patients.count,
    patientFrom: patients.from,
    labels: labels.length,
    labelsWithoutImage,
    studiesWithoutLabel: studies
      .filter((_, index) => found[index]!.length === 0)
      .map(({ studyInstanceUid }) => studyInstanceUid),
    instancesWithoutLabel: matched
      .filter(({ slices }) => slices.size > 0)
      .reduce((sum, { study, slices }) => sum + uidsOf(study).filter((uid) => !slices.has(uid)).length, 0),
  };
}

const uidsOf = ({ instances }: SurveyedStudy): string[] => [
  ...new Set(instances.map(({ sopInstanceUid }) => sopInstanceUid)),
];

type Found = {
  readonly study: SurveyedStudy;
  readonly found: readonly { readonly label: Label; readonly sopInstanceUid: string | null }[];
};

function labelledStudy({ study, found }: Found, patient: number): LabelledStudy {
  const slices = found.flatMap(({ label, sopInstanceUid }) =>
    sopInstanceUid === null ? [] : [[sopInstanceUid, label.truth] as const],
  );
  const truth = FINDING_CLASSES.map((_, index) => Math.max(...found.map(({ label }) => label.truth[index]!)));
  return { study, patient, truth, slices: new Map(slices) };
}

/** Where a key points: a study, and for labels of slices the instance. */
type Place = { readonly study: number; readonly sopInstanceUid: string | null };

/** Also used for what readers said. @throws (the function) IchorError INPUT_UNUSABLE for an ambiguous file name */
export function finderOf(studies: readonly SurveyedStudy[]): (key: LabelKey) => Place | null {
  const byStudy = new Map(studies.map(({ studyInstanceUid }, study) => [studyInstanceUid, study]));
  const byInstance = new Map<string, Place>();
  const byName = new Map<string, (Place & { path: string })[]>();
  for (const [study, { instances }] of studies.entries()) {
    for (const { sopInstanceUid, path } of instances) {
      byInstance.set(sopInstanceUid, { study, sopInstanceUid });
      const namesakes = byName.get(basename(path)) ?? [];
      namesakes.push({ study, sopInstanceUid, path });
      byName.set(basename(path), namesakes);
    }
  }
  return (key) => {
    if (key.kind === 'file') return placeOfFile(key, byName.get(basename(key.file)) ?? []);
    if (key.kind === 'instance')
      return byInstance.get(key.sopInstanceUid) ?? byInstance.get(key.sopInstanceUid.replace(/^ID_/, '')) ?? null;
    const study = byStudy.get(key.studyInstanceUid);
    return study === undefined ? null : { study, sopInstanceUid: null };
  };
}

/** The file of that name; of several the one in the CSV's own folder. */
function placeOfFile(
  { file, csvPath }: Extract<LabelKey, { kind: 'file' }>,
  namesakes: readonly (Place & { path: string })[],
): Place | null {
  const fitting = namesakes.filter(({ path }) => path === file || path.endsWith(sep + file));
  const beside = fitting.filter(({ path }) => path === `${dirname(csvPath)}${sep}${file}`);
  const candidates = beside.length > 0 ? beside : fitting;
  if (candidates.length > 1)
    throw new IchorError('INPUT_UNUSABLE', {
      path: csvPath,
      reason: `"${file}" is the name of ${candidates.length} files; name them with their folders or by SOPInstanceUID`,
    });
  return candidates[0] ?? null;
}

/** Patients by the label file where it names them for every study, else by Patient ID, else one per study. */
function numberPatients(labelled: readonly Found[]) {
  const hasPatients = labelled.every(({ found }) => found[0]!.label.patient);
  const known = labelled.every(({ study }) => study.patient !== null);
  const from: LabelledData['patientFrom'] = hasPatients ? 'label file' : known ? 'Patient ID' : 'study';
  const numbers = new Map<string, number>();
  const index = labelled.map(({ study, found }) => {
    const name = {
      'label file': found[0]!.label.patient,
      'Patient ID': study.patient,
      study: study.studyInstanceUid,
    }[from]!;
    if (!numbers.has(name)) numbers.set(name, numbers.size);
    return numbers.get(name)!;
  });
  return { from, index, count: numbers.size };
}

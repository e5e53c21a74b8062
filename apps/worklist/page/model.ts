/** What the API gives, as far as the pages use it. Types only come from the packages: a browser loads none of them. */
import type { FoundStudy, StudyView } from '@ichor/shared/study';
import type { Target as ModelTarget, TargetClass } from '@ichor/shared/target';

/** What the pages need of a target: its classes in the order of the scores of a slice, and which of them decides. */
type Target = Pick<ModelTarget, 'general' | 'decides'> & {
  readonly classes: readonly Pick<TargetClass, 'name' | 'abbreviation'>[];
};
/** Of models that name none of their own. */
const SIX: Target = {
  general: 'hemorrhage',
  decides: 'any',
  classes: [
    { name: 'epidural', abbreviation: 'EDH' },
    { name: 'intraparenchymal', abbreviation: 'IPH' },
    { name: 'intraventricular', abbreviation: 'IVH' },
    { name: 'subarachnoid', abbreviation: 'SAH' },
    { name: 'subdural', abbreviation: 'SDH' },
    { name: 'any', abbreviation: 'Any' },
  ],
};
export const targetOf = ({ model }: Pick<Study, 'model'>): Target => model?.target ?? SIX;
/** Names of the classes of these studies, and of those that most models have. */
export const namesOf = (studies: readonly Study[]): string[] => [
  ...new Set([{ model: null }, ...studies].flatMap((study) => targetOf(study).classes.map(({ name }) => name))),
];
export type Study = StudyView;
export type { FoundStudy };
export type Detail = {
  readonly slices: readonly {
    sopInstanceUid: string;
    frameNumber?: number;
    /** Position, mm; not in results of before Ichor kept it. */
    zMm?: number;
    probabilities: number[];
    cnnProbabilities: number[];
    /** Share of all slices' influence on each present finding; results of before Ichor kept it have none. */
    influence?: Partial<Record<string, number>>;
    heatmap: boolean;
    /** What its heat map, as a layer of its own, explains; results of before Ichor kept it have none. */
    layer: { finding: string; score: number; of?: 'cnn' } | null;
  }[];
  readonly revisions: readonly {
    revision: number;
    state: string;
    reason: string | null;
    createdAt: string;
    model: string;
    score: number | null;
  }[];
  readonly report: readonly { depth: number; name: string; value: string }[];
  readonly viewerUrl: string | null;
  readonly feedback: readonly {
    finding: string;
    verdict: string;
    comment: string;
    readerName: string;
    at: string;
  }[];
};

export type Notification = {
  readonly id: number;
  readonly kind: string;
  readonly destination: string;
  readonly studyInstanceUid: string;
  readonly revision: number;
  readonly urgent: boolean;
  readonly state: 'pending' | 'delivered' | 'dead';
  readonly attempts: number;
  readonly error: string | null;
  /** The receiver has a later revision already. */
  readonly overtaken: boolean;
  readonly createdAt: string;
  readonly deliveredAt: string | null;
};
export type DeadLetters = { readonly kind: string; readonly destination: string; readonly count: number };
/** The one who looks. */
export type Me = {
  readonly role: 'viewer' | 'radiologist' | 'administrator';
  /** How many wait for someone to send them again; null for who may not see them. */
  readonly deadNotifications: number | null;
};

export class Failed extends Error {}
/** JSON of the API. @throws Failed with the server's own sentence */
export async function api<T>(path: string, body?: unknown): Promise<T> {
  const init =
    body === undefined
      ? {}
      : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const response = await fetch(path, init);
  if (response.status === 401) location.assign(`/sign-in?to=${encodeURIComponent(location.pathname)}`);
  const answer = await response.json();
  if (!response.ok) throw new Failed(answer.message ?? `The server answered ${response.status}.`);
  return answer;
}

const RANK: Record<string, number> = { flagged: 0, 'not-analysed': 1, failed: 1, clear: 3 };
/** The order of the worklist, as the server sorts it. */
export function before(a: Study, b: Study): number {
  const key = (study: Study) => [RANK[study.state] ?? 2, study.priority] as const;
  const [[rankA, priorityA], [rankB, priorityB]] = [key(a), key(b)];
  return (
    rankA - rankB ||
    priorityA - priorityB ||
    (a.times.firstInstance ?? '').localeCompare(b.times.firstInstance ?? '') ||
    (a.studyInstanceUid < b.studyInstanceUid ? -1 : 1)
  );
}

export const patientName = (study: Study): string =>
  (study.patient?.name ?? '').replace(/\^+/g, ', ').replace(/, $/, '');
/** "Incomplete: 4 instances missing, 1 series whose transfer broke off." */
export function missingOf({ incomplete, state }: Study): string {
  if (incomplete === null) return '';
  const { missingInstances, brokenOffSeries } = incomplete;
  const missing = `${missingInstances || 'an unknown number of'} instance${missingInstances === 1 ? '' : 's'} missing`;
  const broken = brokenOffSeries === 0 ? '' : `, ${brokenOffSeries} series whose transfer broke off`;
  return `Incomplete: ${missing}${broken}${state === 'receiving' ? ', waited for' : ''}.`;
}
export function reasonOf(study: Study): string {
  if (study.reason) return [study.reason.sentence, study.reason.detail].filter(Boolean).join(' ');
  return study.error ?? '';
}
export function elapsed(since: string | null, now: number): string {
  if (since === null) return '';
  const seconds = Math.max(0, Math.floor((now - Date.parse(since)) / 1000));
  const two = (value: number): string => String(value).padStart(2, '0');
  if (seconds < 3600) return `${Math.floor(seconds / 60)}:${two(seconds % 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h ${two(Math.floor((seconds % 3600) / 60))} min`;
  return `${Math.floor(seconds / 86_400)} days`;
}
export const clock = (time: string | null): string => (time === null ? '–' : new Date(time).toLocaleString());

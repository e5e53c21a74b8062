/**
 * A result as an HL7 v2.5.1 message ORU^R01 (HL7 v2.5.1 chapters 2, 3, 4 and 7), without Z segments. Pure.
 *
 *   MSH, PID, OBR, NTE…, OBX (Study Instance UID), OBX (outcome), OBX × 2 for each finding (presence, score), OBX × 2 (algorithm)
 *
 * OBR-25 (table 0123) is P, preliminary; C for a correction of what this receiver was told before; I, no result available, for
 * a study that was not analysed. There OBX-11 (table 0085) is X for every finding, so that values of a former revision are
 * withdrawn. F, final, is never sent: a radiologist's report is what is final.
 */
import type { Code } from '@ichor/dicom/codes';
import { CODES } from '@ichor/dicom/codes';
import { limitations } from '@ichor/report/measurementReport';
import type { Hl7Destination } from '@ichor/settings/notificationSettings';
import { describeIncompleteness } from '@ichor/shared/incompleteness';
import type { Presence } from '@ichor/shared/study';
import {
  type Concept,
  capitalised,
  decidingFirst,
  findingOf,
  presenceOf,
  type TargetClass,
  targetOf,
} from '@ichor/shared/target';
import type { ResultView } from '@ichor/store/studyView';

export type Hl7Envelope = Pick<Hl7Destination, 'app' | 'facility'> & {
  /** MSH-10, at most 20 characters. */
  readonly controlId: string;
  readonly createdAt: Date;
  readonly correction: boolean;
};

/** Segments end with a carriage return; fields that are empty at the end of a segment are left out. */
export function writeOru(content: ResultView, envelope: Hl7Envelope): string {
  const segments = [header(envelope), patient(content), order(content, envelope), ...notes(content)];
  return [...segments, ...observations(content, envelope)].map((segment) => `${segment}\r`).join('');
}

const DELIMITERS: Readonly<Record<string, string>> = {
  '\\': '\\E\\',
  '|': '\\F\\',
  '^': '\\S\\',
  '&': '\\T\\',
  '~': '\\R\\',
};

/** Text as the value of a component (HL7 v2.5.1 §2.7): delimiters escaped, control characters as hexadecimal. */
export const escaped = (text: string): string =>
  text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they would break the framing
    /[\\|^&~\x00-\x1f\x7f]/g,
    (one) => DELIMITERS[one] ?? `\\X${one.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}\\`,
  );

/** Joins fields; `fields[0]` is the name of the segment. */
const segment = (...fields: readonly (string | number | null)[]): string =>
  fields
    .map((field) => field ?? '')
    .join('|')
    .replace(/\|+$/, '');
const components = (...parts: readonly (string | null)[]): string =>
  parts
    .map((part) => escaped(part ?? ''))
    .join('^')
    .replace(/\^+$/, '');
const blank = (count: number): string[] => Array<string>(count).fill('');
/** DTM in UTC. */
const time = (at: Date): string => `${at.toISOString().replace(/[-:T]|\..*$/g, '')}+0000`;

function header({ app, facility, controlId, createdAt }: Hl7Envelope): string {
  const message = [...blank(1), 'ORU^R01^ORU_R01', controlId, 'P', '2.5.1', ...blank(5), 'UNICODE UTF-8'];
  return segment('MSH', '^~\\&', 'ICHOR', '', escaped(app), escaped(facility), time(createdAt), ...message);
}

function patient({ patient: { id, name } }: ResultView): string {
  return segment('PID', 1, '', components(id), '', personName(name));
}

/**
 * A DICOM person name (PS3.5 §6.2.1) as XPN: up to three groups, alphabetic, ideographic and phonetic, as repetitions; prefix and
 * suffix change places. XPN-8 names the group where there are several.
 */
export function personName(name: string | null): string {
  const groups = (name ?? '').split('=').slice(0, 3);
  const several = groups.filter((group) => group.replaceAll('^', '') !== '').length > 1;
  return groups
    .map((group, index) => {
      const [family = '', given = '', middle = '', prefix = '', suffix = ''] = group
        .split('^')
        .map((part) => part.trim());
      const representation = several ? 'AIP'[index]! : '';
      if (family + given + middle + prefix + suffix === '') return '';
      return components(family, given, middle, suffix, prefix, '', '', representation);
    })
    .filter(Boolean)
    .join('~');
}

const available = ({ study }: ResultView): boolean => study.findings !== null;

function order(content: ResultView, { correction }: Hl7Envelope): string {
  const { study, studyDate, resultAt } = content;
  const accession = escaped(study.accessionNumber ?? '');
  const observed = /^\d{8}$/.test(studyDate ?? '') ? studyDate : '';
  const status = available(content) ? (correction ? 'C' : 'P') : 'I';
  return segment(
    ...['OBR', 1, '', accession, coded(CODES.ct), '', '', observed],
    ...blank(10),
    ...[accession, '', '', '', time(resultAt), '', 'CT', status],
  );
}

function notes(content: ResultView): string[] {
  const { reason, error, incomplete, state } = content.study;
  const missing = incomplete && state !== 'not-analysed' && `Incomplete study: ${describeIncompleteness(incomplete)}.`;
  const why =
    reason === null
      ? error && `Analysis failed: ${error}.`
      : [reason.sentence, reason.detail].filter(Boolean).join(' ');
  return [why && `Not analysed. ${why}`, missing, limitations(targetOf(content.study.model))]
    .filter((text): text is string => Boolean(text))
    .map((text, index) => segment('NTE', index + 1, 'L', escaped(text)));
}

type Observation = {
  readonly type: 'ST' | 'CWE' | 'NM';
  readonly code: string;
  readonly subId?: number;
  readonly value: string;
  readonly units?: string;
  readonly range?: string;
  readonly flag?: 'A' | 'N';
  /** When it is not that of the message. */
  readonly status?: 'O' | 'X';
};

function observations(content: ResultView, { correction }: Hl7Envelope): string[] {
  const { study, resultAt } = content;
  const status = correction ? 'C' : 'P';
  const all: Observation[] = [
    { type: 'ST', code: coded(DICOM_STUDY), value: escaped(study.studyInstanceUid), status: 'O' },
    outcome(content),
    ...decidingFirst(targetOf(study.model)).flatMap((one, index) => finding(content, one, index + 1)),
    { type: 'ST', code: coded(CODES.algorithmName), value: escaped(study.model?.name ?? '') },
    { type: 'ST', code: coded(CODES.algorithmVersion), value: escaped(study.model?.version ?? '') },
  ];
  return all.map((one, index) =>
    segment(
      ...['OBX', index + 1, one.type, one.code, one.subId ?? '', one.value, one.units ?? '', one.range ?? ''],
      ...[one.flag ?? '', '', '', one.status ?? status, '', '', time(resultAt)],
    ),
  );
}

/** PS3.16: what IHE's radiology profiles name the Study Instance UID with. */
const DICOM_STUDY: Code = { value: '113014', scheme: 'DCM', meaning: 'DICOM Study', source: 'PS3.16' };
const outcomes = (name: string): Readonly<Record<string, string>> => ({
  flagged: `Suspected ${name}`,
  clear: `No ${name} suspected by the algorithm`,
  'not-analysed': 'Not analysed',
  failed: 'Analysis failed',
});

/** Flagged, clear, or not analysed with the code of the reason; only a result is normal or abnormal. */
function outcome({ study }: ResultView): Observation {
  const { code, name } = targetOf(study.model);
  const why = study.reason === null ? study.error : study.reason.code;
  const detail =
    why === null ? [] : [why, study.reason === null ? 'Analysis failed' : study.reason.sentence, '99ICHOR'];
  return {
    type: 'CWE',
    code: components(`${code}-TRIAGE`, `${capitalised(name)} triage`, '99ICHOR'),
    value: components(study.state, outcomes(name)[study.state] ?? '', '99ICHOR', ...detail),
    ...(study.findings !== null && { flag: study.state === 'flagged' ? 'A' : 'N' }),
  };
}

/** OBX-8; a kind of hemorrhage that is undetermined is neither normal nor abnormal. */
const FLAGS = { present: { flag: 'A' }, absent: { flag: 'N' }, undetermined: {} } as const satisfies Record<
  Presence,
  object
>;

/** Presence and score; the score's range is what does not count as present. */
function finding({ study }: ResultView, { name, meaning, ...coding }: TargetClass, subId: number): Observation[] {
  const target = targetOf(study.model);
  const local = `${target.code}-${name.toUpperCase()}`;
  const presence = components(local, meaning, '99ICHOR', ...triplet(coding.finding));
  const score = components(`${local}-SCORE`, `${meaning}, score`, '99ICHOR', ...triplet(CODES.certainty));
  if (study.findings === null)
    return [
      { type: 'CWE', code: presence, subId, value: '', status: 'X' },
      { type: 'NM', code: score, subId, value: '', status: 'X' },
    ];
  const found = findingOf(study.findings, name);
  const shown = presenceOf(target, study.findings, name);
  const range = `<${number(found.threshold)}`;
  return [
    { type: 'CWE', code: presence, subId, value: coded(CODES[shown]), ...FLAGS[shown] },
    {
      type: 'NM',
      code: score,
      subId,
      value: number(found.score),
      units: `${coding.unit}^no units^UCUM`,
      range,
      ...FLAGS[shown],
    },
  ];
}

const triplet = ({ value, meaning, scheme }: Concept): [string, string, string] => [value, meaning, scheme];
const coded = (code: Concept): string => components(...triplet(code));
/** NM takes no exponent. */
const number = (value: number): string => value.toFixed(4).replace(/\.?0+$/, '');

/**
 * Every coded concept that Ichor writes, in one table, so that a terminologist can change it in one place. What a model looks for
 * brings its own: `shared/target.ts`.
 *
 * `source` says where a code comes from: `PS3.16` for concepts named in the standard's templates and context groups,
 * `unverified` where sources disagree or nobody here could check, `Ichor` for a code of our own.
 */
import { capitalised, type Target } from '@ichor/shared/target';

export type Code = {
  readonly value: string;
  readonly scheme: string;
  readonly meaning: string;
  readonly source: 'PS3.16' | 'unverified' | 'Ichor';
};

const dcm = (value: string, meaning: string): Code => ({ value, scheme: 'DCM', meaning, source: 'PS3.16' });
const sct = (value: string, meaning: string, source: Code['source'] = 'PS3.16'): Code => ({
  value,
  scheme: 'SCT',
  meaning,
  source,
});

export const CODES = {
  // TID 1500 and its parts
  imagingMeasurementReport: dcm('126000', 'Imaging Measurement Report'),
  language: dcm('121049', 'Language of Content Item and Descendants'),
  english: { value: 'en-US', scheme: 'RFC5646', meaning: 'English (United States)', source: 'PS3.16' },
  observerType: dcm('121005', 'Observer Type'),
  device: dcm('121007', 'Device'),
  deviceObserverUid: dcm('121012', 'Device Observer UID'),
  deviceObserverName: dcm('121013', 'Device Observer Name'),
  deviceObserverManufacturer: dcm('121014', 'Device Observer Manufacturer'),
  deviceObserverModelName: dcm('121015', 'Device Observer Model Name'),
  deviceObserverSerialNumber: dcm('121016', 'Device Observer Serial Number'),
  procedureReported: dcm('121058', 'Procedure reported'),
  imageLibrary: dcm('111028', 'Image Library'),
  imageLibraryGroup: dcm('126200', 'Image Library Group'),
  imagingMeasurements: dcm('126010', 'Imaging Measurements'),
  measurementGroup: dcm('125007', 'Measurement Group'),
  qualitativeEvaluations: { value: 'C0034375', scheme: 'UMLS', meaning: 'Qualitative Evaluations', source: 'PS3.16' },
  trackingIdentifier: dcm('112039', 'Tracking Identifier'),
  trackingUid: dcm('112040', 'Tracking Unique Identifier'),
  finding: dcm('121071', 'Finding'),
  findingSite: sct('363698007', 'Finding Site'),
  algorithmName: dcm('111001', 'Algorithm Name'),
  algorithmVersion: dcm('111003', 'Algorithm Version'),
  algorithmParameters: dcm('111002', 'Algorithm Parameters'),
  presence: sct('705057003', 'Presence'),
  present: sct('52101004', 'Present'),
  absent: sct('272519000', 'Absent'),
  undetermined: sct('373068000', 'Undetermined'),
  certainty: dcm('111012', 'Certainty of Finding'),
  derivation: dcm('121401', 'Derivation'),
  maximum: sct('56851009', 'Maximum'),
  percent: { value: '%', scheme: 'UCUM', meaning: 'Percent', source: 'PS3.16' },
  sourceImage: sct('260753009', 'Source'),
  comment: dcm('121106', 'Comment'),
  conclusion: dcm('121077', 'Conclusion'),
  processingEquipment: dcm('109102', 'Processing Equipment'),
  sourceForDerivation: dcm('121322', 'Source image for image processing operation'),
  /** CID 100 knows no plain CT of the head; the finding sites tell the region. */
  ct: { value: '25045-6', scheme: 'LN', meaning: 'CT unspecified body region', source: 'PS3.16' },
} as const satisfies Record<string, Code>;

/** CID 7021, Measurement Report Document Titles, is extensible; our own title, for viewers that show text (ADR 0008). */
export const triageReport = ({ code, name }: Target): Code => ({
  value: `${code}-TRIAGE`,
  scheme: '99ICHOR',
  meaning: `${name.split(' ').map(capitalised).join(' ')} Triage Report`,
  source: 'Ichor',
});

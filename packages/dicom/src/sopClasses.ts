/** SOP Classes that Ichor knows by name (PS3.4 table B.5-1, annex J; PS3.6 table A-1). */
export const SOP_CLASS = {
  verification: '1.2.840.10008.1.1',
  storageCommitmentPush: '1.2.840.10008.1.20.1',
  ctImage: '1.2.840.10008.5.1.4.1.1.2',
  enhancedCtImage: '1.2.840.10008.5.1.4.1.1.2.1',
  legacyConvertedEnhancedCtImage: '1.2.840.10008.5.1.4.1.1.2.2',
  secondaryCapture: '1.2.840.10008.5.1.4.1.1.7',
  comprehensiveSr: '1.2.840.10008.5.1.4.1.1.88.33',
  comprehensive3dSr: '1.2.840.10008.5.1.4.1.1.88.34',
} as const;

/** Well-known SOP Instance of storage commitment (PS3.4 §J.3.5). */
export const STORAGE_COMMITMENT_INSTANCE = '1.2.840.10008.1.20.1.1';
/** Application context of DICOM (PS3.7 §A.2.1). */
export const APPLICATION_CONTEXT = '1.2.840.10008.3.1.1.1';

/** What can be a CT slice. */
export const CT_IMAGES: ReadonlySet<string> = new Set([
  SOP_CLASS.ctImage,
  SOP_CLASS.enhancedCtImage,
  SOP_CLASS.legacyConvertedEnhancedCtImage,
]);

const STORAGE_PREFIX = '1.2.840.10008.5.1.4.1.1.';
/** Query/retrieve services that PS3.6 put under the storage root. */
const NO_STORAGE = /^1\.2\.840\.10008\.5\.1\.4\.1\.1\.(200\.[456]|201\.[2-6])$/;

export const isStorage = (sopClassUid: string): boolean =>
  sopClassUid.startsWith(STORAGE_PREFIX) && !NO_STORAGE.test(sopClassUid);

const STRUCTURED_REPORTS = '1.2.840.10008.5.1.4.1.1.88.';
export const isStructuredReport = (sopClassUid: string): boolean => sopClassUid.startsWith(STRUCTURED_REPORTS);
export const isSecondaryCapture = (sopClassUid: string): boolean =>
  `${sopClassUid}.`.startsWith(`${SOP_CLASS.secondaryCapture}.`);

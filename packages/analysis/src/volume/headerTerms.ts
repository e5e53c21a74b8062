/** The words by which headers tell what a series is; one table, because vendors and sites differ. Upper case. */

export const LOCALIZER = /\b(LOCALI[SZ]ER|SCOUT|TOPOGRAM|SURVIEW|SCANOGRAM|PILOT)\b/;
export const DERIVED_TYPE = new Set([
  'MPR',
  'MIP',
  'MINIP',
  'PROJECTION IMAGE',
  'REFORMATTED',
  'CSA MPR',
  'SCREEN SAVE',
  'VRT',
  '3D',
  'AVERAGE',
  'CSA 3D EDITOR',
  'POST PROCESSED',
]);
export const ANGIOGRAPHY_OR_PERFUSION =
  /\b(CTA|CTV|CTP|ANGIO\w*|VENO\w*|PERFUSION|PERF|COW|CIRCLE OF WILLIS|CAROTID\w*|ARTERIAL|VENOUS|TTP|CBF|CBV|MTT|TMAX|BOLUS|SMART ?PREP|MONITORING)\b/;
export const CONTRAST =
  /(\bWITH CONTRAST\b|\bPOST[- ]?CONTRAST\b|\bPOST[- ]?GAD\b|\bC\+|\+C\b|\bW\/? ?CONTRAST\b|\bENHANCED\b|\bMIT KM\b|\bKM\b|\bCECT\b|\bIV CONTRAST\b)/;
export const WITHOUT_CONTRAST =
  /(\bWITHOUT\b|\bNON[- ]?CON(TRAST)?\b|\bNON[- ]?ENHANCED\b|\bUNENHANCED\b|\bNCCT\b|\bW\/?O\b|\bPLAIN\b|\bNATIV\w*\b|\bOHNE\b|\bC-)/;
const NEGATED_CONTRAST = /\b(WITHOUT|W\/?O|NON|OHNE)[- ]?(IV )?(CONTRAST|ENHANCED|KM)\b/g;
const BOTH = /\bW(ITH|\/)?( (AND|&|\+))? ?(WITHOUT|W\/?O)\b/;
export const NO_AGENT = /^(NONE|NO|NON|N|0|-|WITHOUT.*|NO CONTRAST.*|OHNE.*|NIL|NA|N\/A)$/;
export const HEAD =
  /(\bHEAD\b|\bBRAIN\b|\bSKULL\b|\bCRANI\w*|\bCEREBR\w*|\bSCHAEDEL\b|\bSCHÄDEL\b|\bKOPF\b|\bTETE\b|\bTÊTE\b|\bCABEZA\b|\bNEURO\w*|\bCCT\b|\bNCCT\b|\bSTROKE\b|\bHOOFD\b|\bHIRN\b|\bENCEPH\w*)/;
export const OTHER_BODY_PART =
  /(\bCHEST\b|\bTHORAX\b|\bLUNGS?\b|\bABD\w*|\bPELVI\w*|\bSPINE\b|\bC-?SPINE\b|\bCSPINE\b|\bLSPINE\b|\bTSPINE\b|\bNECK\b|\bHALS\b|\bKNEE\b|\bHIP\b|\bANKLE\b|\bFOOT\b|\bHAND\b|\bWRIST\b|\bELBOW\b|\bSHOULDER\b|\bHEART\b|\bCARDIAC\b|\bCORONAR\w+ ARTER\w+|\bLIVER\b|\bKIDNEY\b|\bSINUS(ES)?\b|\bFACIAL\b|\bFACE\b|\bORBITS?\b|\bTEMPORAL BONES?\b|\bIAC\b|\bDENTAL\b|\bMANDIBLE\b|\bEXTREMITY\b|\bLEG\b|\bARM\b|\bWHOLE ?BODY\b|\bCHESTABDPELVIS\b)/;
export const REFORMAT = /\b(COR|CORONAL|SAG|SAGITTAL|MPR|MIP|VRT|3D|REFORMAT\w*)\b/;

/** Units of Rescale Type (0028,1054) that are Hounsfield units, or say nothing; maps of iodine or atomic number have others. */
export const HOUNSFIELD = /^(HU|HU MOD|US|HOUNSFIELD.*|UNSPECIFIED)$/;

/** Whether a text names contrast, also beside its absence ("W/O AND W CONTRAST"). */
export const namesContrast = (text: string): boolean =>
  BOTH.test(text) || CONTRAST.test(text.replaceAll(NEGATED_CONTRAST, ' '));

/** Sharp kernels for bone and air; a soft-tissue reconstruction must exist beside them. */
const BONE_KERNELS: readonly RegExp[] = [
  /\b(BONE|BONEPLUS|BONE PLUS|EDGE|LUNG|ULTRA|DETAIL\+|KNOCHEN)\b/, // GE and general
  /^([HBJUV][A-Z]?|[QT][A-Z])[6-9]\d/, // Siemens H60s, B70f, Hr68, J70h, U90u, Bl64, Qr69 …
  /^(YC|YD|D|E|YE|L)$/, // Philips sharp filters
  /^FC ?(3[0-9]|5[0-9]|8[0-9])$/, // Canon and Toshiba FC30 and above for bone and lung
];
const SOFT_KERNELS: readonly RegExp[] = [
  /^(STANDARD|STD\+?|SOFT|BRAIN|NEURO|DETAIL)/, // GE
  /^([HBJUV][A-Z]?|[QT][A-Z])[1-5]\d/, // Siemens H31s, J40s, Hr38, Hc40 …
  /^(A|B|C|UA|UB|UC|EB|SB)$/, // Philips
  /^FC ?(0?[1-9]|1\d|2\d|4\d|6\d)$/, // Canon, Toshiba
];

export type KernelKind = 'bone' | 'soft' | 'unknown';

/** What the convolution kernels, or failing them the series description, say of the reconstruction. */
export function kernelKind(kernels: readonly string[], description: string): KernelKind {
  const names = kernels.map((kernel) => kernel.toUpperCase().trim());
  if (names.some((name) => BONE_KERNELS.some((pattern) => pattern.test(name)))) return 'bone';
  if (names.some((name) => SOFT_KERNELS.some((pattern) => pattern.test(name)))) return 'soft';
  return /\b(BONE|BONES|KNOCHEN|OS|HUESO)\b/.test(description) ? 'bone' : 'unknown';
}

/** What a value of Specific Character Set (0008,0005) means, also when it is misspelt (PS3.3 C.12.1.1.2). Pure. */

export type CharacterSet = {
  /** Labels that TextDecoder knows, likeliest first, for bytes without escape sequences; none for the default repertoire. */
  readonly labels: readonly string[];
  /** The Defined Term with code extensions, where there is one. */
  readonly extensionTerm: string | null;
  /** Whether bytes 0x80–0x9F are nothing, or hardly anything, in it. */
  readonly leavesC1Empty: boolean;
};

/** By ISO registration number. Labels are those of the WHATWG, which are supersets here and there: Windows-1252 for Latin 1. */
const REGISTERED: ReadonlyMap<number, readonly string[]> = new Map([
  [6, []],
  [100, ['windows-1252']], // Latin 1
  [101, ['iso-8859-2']], // Latin 2
  [109, ['iso-8859-3']], // Latin 3
  [110, ['iso-8859-4']], // Latin 4
  [144, ['iso-8859-5']], // Cyrillic
  [127, ['iso-8859-6']], // Arabic
  [126, ['iso-8859-7']], // Greek
  [138, ['iso-8859-8']], // Hebrew
  [148, ['windows-1254']], // Latin 5
  [203, ['iso-8859-15']], // Latin 9
  [13, ['shift_jis']], // JIS X 0201
  [87, ['euc-jp', 'shift_jis']], // JIS X 0208
  [159, ['euc-jp', 'shift_jis']], // JIS X 0212
  [166, ['windows-874']], // Thai
  [149, ['euc-kr']], // KS X 1001
  [58, ['gb18030']], // GB 2312
  [192, ['utf-8']],
]);
const WITHOUT_EXTENSIONS = new Set([192, 203]);
const USING_C1 = new Set([13, 87, 159, 192]);

/** The terms of all sets that escape sequences can call (PS3.3 tables C.12-3 and C.12-4); Latin 9 is not among them. */
export const EXTENSION_TERMS: readonly string[] = [...REGISTERED.keys()]
  .filter((registration) => !WITHOUT_EXTENSIONS.has(registration))
  .map((registration) => `ISO 2022 IR ${registration}`);

/** Names in use that TextDecoder does not know, letters and digits only. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ['unicode', 'utf-8'],
  ['iso10646', 'utf-8'],
  ['cp65001', 'utf-8'],
  ['gb18030', 'gb18030'],
  ['cp936', 'gbk'],
  ['euckr', 'euc-kr'],
  ['cp949', 'euc-kr'],
  ['ms949', 'euc-kr'],
  ['eucjp', 'euc-jp'],
  ['shiftjis', 'shift_jis'],
  ['cp932', 'shift_jis'],
  ['cp950', 'big5'],
  ['tis620', 'windows-874'],
  ['koi8r', 'koi8-r'],
]);

/** Null for one that nobody can make sense of; an empty one is the default repertoire. */
export function characterSetOf(term: string): CharacterSet | null {
  const name = term.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  const registration = name === '' ? 6 : Number(/^(?:iso)?(?:2022)?(?:ir)?0*(\d{1,3})$/.exec(name)?.[1]);
  const labels = REGISTERED.get(registration);
  if (labels !== undefined) return registered(registration, labels);
  const label = labelOf(term.trim().toLowerCase(), name);
  if (label === null) return null;
  return { labels: [label], extensionTerm: null, leavesC1Empty: /^(iso-8859|gb|euc-kr)/.test(label) };
}

const registered = (registration: number, labels: readonly string[]): CharacterSet => ({
  labels,
  extensionTerm: WITHOUT_EXTENSIONS.has(registration) ? null : `ISO 2022 IR ${registration}`,
  leavesC1Empty: !USING_C1.has(registration),
});

function labelOf(term: string, name: string): string | null {
  const windows = /^(?:windows|win|cp|ms|ansi)?(125\d)$/.exec(name)?.[1];
  const latin = /^(?:iso)?8859(\d{1,2})$/.exec(name)?.[1];
  const candidates = [windows && `windows-${windows}`, latin && `iso-8859-${latin}`, ALIASES.get(name), term, name];
  if (name.startsWith('utf8') || name.endsWith('utf8')) return 'utf-8';
  return candidates.flatMap((label) => (label ? (knownLabel(label) ?? []) : []))[0] ?? null;
}

/** UTF-16 is no set that a dataset can be in, and sets with escape sequences are understood undeclared. */
function knownLabel(label: string): string | null {
  try {
    const { encoding } = new TextDecoder(label);
    return /^(utf-16|iso-2022|replacement|x-)/.test(encoding) ? null : encoding;
  } catch {
    return null;
  }
}

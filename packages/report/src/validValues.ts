/**
 * Values of a source as its VR allows them (PS3.5 §6.2), or null: validators and strict archives refuse a whole report for
 * one date that a device wrote its own way. Nothing is guessed. Pure.
 */

/** DA; the form of ACR-NEMA, 2026.01.31, is rewritten. */
export function validDate(value: string | null): string | null {
  const digits = /^(\d{4})(\.?)(\d{2})\2(\d{2})$/.exec(value?.trim() ?? '');
  if (digits === null) return null;
  const [year, month, day] = [digits[1]!, digits[3]!, digits[4]!];
  const date = new Date(`${year}-${month}-${day}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.getUTCDate() === Number(day) ? `${year}${month}${day}` : null;
}

/** TM; the form of ACR-NEMA, 10:15:30, is rewritten. */
export function validTime(value: string | null): string | null {
  const time = value?.trim().replaceAll(/(?<=^\d\d(?::?\d\d)?):/g, '') ?? '';
  return /^([01]\d|2[0-3])([0-5]\d(([0-5]\d|60)(\.\d{1,6})?)?)?$/.test(time) ? time : null;
}

/** AS, as 045Y. */
export const validAge = (value: string | null): string | null => matching(value, /^\d{3}[DWMY]$/);

/** CS of 16 upper case letters, digits, blanks and underscores. */
export const validCode = (value: string | null): string | null =>
  matching(value?.toUpperCase() ?? null, /^[A-Z0-9_ ]{1,16}$/);

/** Patient's Sex (0010,0040). */
export const validSex = (value: string | null): string | null => matching(value?.toUpperCase() ?? null, /^[MFO]$/);

/** Timezone Offset From UTC (0008,0201), as +0100. */
export const validOffset = (value: string | null): string | null => matching(value, /^[+-](0\d|1[0-4])[0-5]\d$/);

function matching(value: string | null, form: RegExp): string | null {
  const trimmed = value?.trim() ?? '';
  return form.test(trimmed) ? trimmed : null;
}

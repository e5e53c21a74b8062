/** Figures as text, alike in the terminal and on the page. */
import type { Estimate } from './metrics/bootstrap.ts';

/** E.g. `0.915`; an en dash where there is none. */
export const decimal = (value: number | null, digits = 3): string =>
  value === null ? '–' : value.toFixed(digits).replace('-', '−');

/** E.g. `0.812–0.992`, with † where the bounds are not of the bootstrap; empty without an interval. */
export function interval({ low, high, method }: Estimate, digits = 3): string {
  if (low === null || high === null) return '';
  return `${decimal(low, digits)}–${decimal(high, digits)}${method === 'wilson' ? '†' : ''}`;
}

/** E.g. `0.915 (0.812–0.992)`. */
export function withInterval(estimate: Estimate, digits = 3): string {
  const bounds = interval(estimate, digits);
  return decimal(estimate.value, digits) + (bounds === '' ? '' : ` (${bounds})`);
}

/** E.g. `+0.012 (-0.004–0.030)`. */
export function difference({ value, low, high }: Estimate): string {
  if (value === null) return '–';
  const bounds = low === null || high === null ? '' : ` (${signed(low)} to ${signed(high)})`;
  return signed(value) + bounds;
}

const signed = (value: number): string => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(3)}`;

/** A p value, e.g. `0.031`; `< 0.001` below that. */
export const probability = (p: number): string => (p < 0.001 ? '< 0.001' : decimal(p));

/** E.g. `5 of 6 (83 %)`. */
export const share = (part: number, whole: number): string =>
  `${part} of ${whole}${whole === 0 ? '' : ` (${Math.round((100 * part) / whole)} %)`}`;

/** `1 study`, `2 studies`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString('en')} ${number === 1 ? one : many}`;
}

/** E.g. `1.42 s`. */
export const seconds = (ms: number | null): string => (ms === null ? '–' : `${(ms / 1000).toFixed(2)} s`);

/** The bundle as it is called: name, version and the start of its digest. */
export const bundleName = ({ name, version, sha256 }: { name: string; version: string; sha256: string }): string =>
  `${name} ${version} (${sha256.slice(0, 8)})`;

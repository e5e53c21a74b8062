/** How the texts of settings are read. Small on purpose: every command reads the settings before it does anything. */
import { resolve } from 'node:path';
import type { Reader, Unit } from './setting.ts';

export const anyText: Reader<string> = { type: 'text', read: (text) => text };

/** Relative to the folder in which Ichor runs. */
export const path: Reader<string> = { type: 'path', read: (text) => resolve(text) };

/** @param shortest characters at least */
export const textOfAtLeast = (shortest: number): Reader<string> => ({
  type: 'text',
  range: `at least ${shortest} characters`,
  read: (text) => (text.length >= shortest ? text : refuse(`must have at least ${shortest} characters`)),
});

export const wholeNumber = (minimum: number, maximum: number, unit?: Unit): Reader<number> => ({
  type: 'whole number',
  range: maximum === Number.MAX_SAFE_INTEGER ? `${minimum} or more` : `${minimum}–${maximum}`,
  ...(unit && { unit }),
  read(text) {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (Number.isInteger(value) && value >= minimum && value <= maximum) return value;
    return refuse(`must be a whole number from ${minimum} to ${maximum}, not "${text}"`);
  },
});

/** Given in minutes, used in milliseconds. */
export const minutes = (minimum: number, maximum: number): Reader<number> => {
  const whole = wholeNumber(minimum, maximum, 'minutes');
  return { ...whole, read: (text) => whole.read(text) * 60_000 };
};

export const oneOf = <const T extends readonly string[]>(...values: T): Reader<T[number]> => ({
  type: 'one of',
  range: values.join(', '),
  read: (text) => values.find((value) => value === text) ?? refuse(`must be one of ${values.join(', ')}`),
});

export const onOff: Reader<boolean> = {
  type: 'one of',
  range: 'on, off',
  read: (text) => oneOf('on', 'off').read(text) === 'on',
};

/** The items of a comma-separated list, without blanks and empty ones. */
export const itemsOf = (text: string): readonly string[] =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean);

export const list: Reader<readonly string[]> = { type: 'list, comma-separated', read: itemsOf };

/** One or several of these. */
export const someOf = <const T extends readonly string[]>(...values: T): Reader<readonly T[number][]> => ({
  type: 'list, comma-separated',
  range: values.join(', '),
  read(text) {
    const items = itemsOf(text);
    if (items.length > 0 && items.every((item) => values.includes(item))) return items;
    return refuse(`must name ${values.join(', ')}, or several of them`);
  },
});

/** A text that somebody else reads. @param type the form of it, e.g. `AET[@address],…` */
export const parsed = <T>(type: string, read: (text: string) => T): Reader<T> => ({ type, read });

export const url = (...schemes: readonly string[]): Reader<string> => {
  const starts = schemes.map((scheme) => `${scheme}://`);
  return {
    type: 'URL',
    range: starts.map((start) => `${start}…`).join(', '),
    read: (text) =>
      starts.some((start) => text.startsWith(start)) ? text : refuse(`must start with ${starts.join(' or ')}`),
  };
};

/** Whoever opens it says which schemes there are. */
export const address: Reader<string> = {
  type: 'URL',
  read: (text) => (URL.canParse(text) ? text : refuse(`must be an address with its scheme (…://…), not "${text}"`)),
};

/** Scheme, host and port, without trailing slash. */
export const origin: Reader<string> = {
  type: 'URL',
  range: 'https://host[:port], http://host[:port]',
  read(text) {
    const address = URL.parse(text);
    if (address !== null && /^https?:$/.test(address.protocol) && address.pathname === '/') return address.origin;
    return refuse(`must be https://host[:port] or http://host[:port] without a path, not "${text}"`);
  },
};

export const aeTitle: Reader<string> = {
  type: 'AE title',
  range: '1–16 characters',
  read(text) {
    if (/^(?! +$)[\x20-\x5b\x5d-\x7e]{1,16}$/.test(text)) return text.trim();
    return refuse('must be 1 to 16 printable characters without backslash (PS3.5 §6.2)');
  },
};

function refuse(reason: string): never {
  throw new Error(reason);
}

/** The tables of docs/configuration.md, made from the declarations of the settings. `npm run docs` writes them into the page. */
import { join } from 'node:path';
import type { Setting, Unit } from '@ichor/settings/setting';
import { SECTIONS, settingsOf } from '@ichor/settings/settings';
import { escaped, writeGeneratedPart } from './generatedPart.ts';

export const CONFIGURATION_PAGE = join(import.meta.dirname, '..', '..', 'docs', 'configuration.md');

/** The generated part of the page. */
export function configurationTables(): string {
  return SECTIONS.map((section) =>
    [
      `## ${section.title}`,
      '',
      '| setting | type | default | effect |',
      '|---|---|---|---|',
      ...settingsOf(section).map(row),
    ].join('\n'),
  ).join('\n\n');
}

const row = (setting: Setting): string =>
  `| \`${setting.name}\` | ${escaped(typeOf(setting))} | ${defaultOf(setting)} | ${escaped(setting.about)} |`;

function typeOf({ reader: { type, range, unit }, secret }: Setting): string {
  const kind = /[:[=…]/.test(type) ? `\`${type}\`` : type;
  const bounds = range === undefined ? '' : `: ${range}`;
  return `${kind}${bounds}${unit ? ` ${unit}` : ''}${secret ? '; secret' : ''}`;
}

function defaultOf({ default: text, unset, reader: { unit } }: Setting): string {
  if (text === null) return unset ?? 'none';
  if (text === '') return 'empty';
  const inWords = unit ? readable(Number(text), unit) : null;
  return `\`${text}\`${inWords === null ? '' : ` (${inWords})`}`;
}

/** The steps of a unit, from the largest. */
const LARGER: Readonly<Partial<Record<Unit, readonly (readonly [string, number])[]>>> = {
  ms: [
    ['h', 3_600_000],
    ['min', 60_000],
    ['s', 1_000],
  ],
  minutes: [['h', 60]],
  bytes: [
    ['GiB', 1_073_741_824],
    ['MiB', 1_048_576],
  ],
};

/** `86400000` → `24 h`; null where no larger unit fits. */
function readable(value: number, unit: Unit): string | null {
  const step = LARGER[unit]?.find(([, size]) => value >= size && value % size === 0);
  return step === undefined ? null : `${value / step[1]} ${step[0]}`;
}

if (process.argv[1] === import.meta.filename) await writeGeneratedPart(CONFIGURATION_PAGE, configurationTables());

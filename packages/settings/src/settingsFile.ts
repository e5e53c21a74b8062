/**
 * The file that ICHOR_CONFIG names: YAML, a setting per line, `ICHOR_DICOM_PORT: 104`; a list may be written as one. Sole importer
 * of the YAML library, which is loaded only when there is a file.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Document, LineCounter } from 'yaml';
import type { GivenReport } from './givenSettings.ts';

type Entry = GivenReport['given'][string];
type Yaml = typeof import('yaml');

/** Every problem names file and line. @param path as ICHOR_CONFIG gives it */
export function readSettingsFile(path: string): GivenReport {
  try {
    return settingsIn(readFileSync(path, 'utf8'), path);
  } catch (error) {
    const problem = `ICHOR_CONFIG names ${path}, which cannot be read (${(error as Error).message}): correct the path, or leave it out`;
    return { given: {}, problems: [problem] };
  }
}

function settingsIn(text: string, path: string): GivenReport {
  const yaml: Yaml = createRequire(import.meta.url)('yaml');
  const lines = new yaml.LineCounter();
  // Every scalar stays the text that it is: 0042 is an AE title, and `on` is not true.
  const document = yaml.parseDocument(text, { lineCounter: lines, prettyErrors: false, schema: 'failsafe' });
  const place = placeIn(path, lines);
  const problems = document.errors.map(({ message, pos }) => `${place(pos[0])} is not YAML: ${message}`);
  return problems.length > 0 ? { given: {}, problems } : entriesOf(yaml, document, place);
}

const placeIn =
  (path: string, lines: LineCounter) =>
  (offset: number): string =>
    `${path}:${lines.linePos(offset).line}`;

function entriesOf(yaml: Yaml, { contents }: Document, place: (offset: number) => string): GivenReport {
  const given: Record<string, Entry> = {};
  const problems: string[] = [];
  if (contents === null || (yaml.isScalar(contents) && contents.value === '')) return { given, problems };
  if (!yaml.isMap(contents))
    return { given, problems: [`${place(contents.range?.[0] ?? 0)} must be lines of the form NAME: value`] };
  for (const { key, value } of contents.items) {
    const [name, text] = [String(key), textOf(yaml, value)];
    const where = place((key as { range?: [number] }).range?.[0] ?? 0);
    if (name === 'ICHOR_CONFIG') problems.push(`ICHOR_CONFIG belongs into the environment, not into a file (${where})`);
    else if (text === null) problems.push(`${name} must be one value, or a list of values (${where})`);
    else if (text !== '') given[name] = { text, place: where };
  }
  return { given, problems };
}

/** Null: neither a value nor a list of values. */
function textOf(yaml: Yaml, node: unknown): string | null {
  if (node === null) return '';
  if (yaml.isScalar(node)) return String(node.value ?? '');
  if (yaml.isSeq(node) && node.items.every((item) => yaml.isScalar(item)))
    return node.items.map((item) => textOf(yaml, item)).join(',');
  return null;
}

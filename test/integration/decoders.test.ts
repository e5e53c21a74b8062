/** Who can reach a decoder of foreign pixels at all, by the imports of the code. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { ROOT } from '../support/ichor.ts';

const IMPORT = /^\s*(?:import|export)\s+(?!type\b)(?:[^'";]*?\sfrom\s+)?'([^']+)'|\bimport\('([^']+)'\)/gm;
const CODECS = join(ROOT, 'packages', 'dicom', 'src', 'codecs');
/** Reads the header of a codestream, and decodes nothing. */
const HARMLESS = join(CODECS, 'codestream.ts');

function fileOf(specifier: string, from: string): string | null {
  const [, name, path] = /^@ichor\/(\w+)\/(.+)$/.exec(specifier) ?? [];
  if (name !== undefined)
    return ['apps', 'packages'].map((kind) => join(ROOT, kind, name, 'src', `${path}.ts`)).find(existsSync)!;
  return specifier.startsWith('.') ? join(dirname(from), specifier) : null;
}

/** Every file that the entry loads into its process. */
function reached(entry: string, seen = new Set<string>()): ReadonlySet<string> {
  if (seen.has(entry)) return seen;
  seen.add(entry);
  for (const [, named, late] of readFileSync(entry, 'utf8').matchAll(IMPORT)) {
    const file = fileOf((named ?? late)!, entry);
    if (file !== null) reached(file, seen);
  }
  return seen;
}
const decodersIn = (...entry: readonly string[]): string[] =>
  [...reached(join(ROOT, ...entry))].filter((file) => file.startsWith(CODECS) && file !== HARMLESS);

test.each([
  ['receiver', 'src', 'receiver.ts'],
  ['worker', 'src', 'worker.ts'],
  ['worklist', 'src', 'worklist.ts'],
  ['cli', 'src', 'commands', 'start.ts'],
])('no decoder is within reach of %s/%s/%s', (...entry) => {
  expect(decodersIn('apps', ...entry)).toEqual([]);
});

test.each([
  ['inference', 'inferenceProcess.ts'],
  ['decoding', 'decodeProcess.ts'],
])('the decoders are in %s/%s', (...entry) => {
  expect(decodersIn('packages', 'analysis', 'src', ...entry).length).toBeGreaterThan(4);
});

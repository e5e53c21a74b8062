/** The house (docs/adr/0021): packages import downwards only, declare what they use, and do nothing when they are imported. */
import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

const ROOT = resolve(import.meta.dirname, '..', '..');

/** From the bottom: a package may use those that are named with it, and what they may use. */
const MAY_USE: Readonly<Record<string, readonly string[]>> = {
  shared: [],
  settings: ['shared'],
  telemetry: ['shared', 'settings'],
  dicom: ['shared'],
  dimse: ['shared', 'settings', 'telemetry', 'dicom'],
  store: ['shared', 'settings', 'telemetry', 'dicom'],
  phantom: ['shared', 'dicom'],
  analysis: ['shared', 'settings', 'telemetry', 'dicom'],
  report: ['shared', 'settings', 'telemetry', 'dicom', 'analysis'],
  accounts: ['shared', 'settings', 'telemetry', 'store'],
  evaluation: ['shared', 'settings', 'telemetry', 'dicom', 'analysis', 'report'],
};
const PACKAGES = Object.keys(MAY_USE);
const APPS = ['receiver', 'worker', 'worklist', 'cli'];

type Manifest = { readonly dependencies?: Readonly<Record<string, string>> };
const manifestOf = (folder: string): Manifest => JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'));
const ours = (folder: string): string[] =>
  Object.keys(manifestOf(folder).dependencies ?? {})
    .filter((name) => name.startsWith('@ichor/'))
    .map((name) => name.slice('@ichor/'.length));

const sources = (folder: string): string[] =>
  globSync('**/*.ts', { cwd: join(ROOT, folder, 'src') })
    .filter((file) => !file.endsWith('.test.ts'))
    .map((file) => join(ROOT, folder, 'src', file));

/** Relative imports of a file that lead out of its package. */
const escapes = (file: string, folder: string): string[] =>
  [...readFileSync(file, 'utf8').matchAll(/(?:from |import\()'(\.[^']+)'/g)]
    .map(([, specifier]) => resolve(dirname(file), specifier!))
    .filter((target) => relative(join(ROOT, folder), target).startsWith('..'))
    .map((target) => `${relative(ROOT, file)} imports ${relative(ROOT, target)}`);

test('every folder under packages is a layer of the house', () => {
  expect(
    globSync('packages/*/package.json', { cwd: ROOT })
      .map((path) => path.split(sep)[1]!)
      .sort(),
  ).toEqual([...PACKAGES].sort());
});

test.each(PACKAGES)('%s declares only packages that lie below it', (name) => {
  expect(ours(`packages/${name}`).filter((other) => !MAY_USE[name]!.includes(other))).toEqual([]);
});

test.each(['receiver', 'worker', 'worklist'])('the app %s declares no other app', (name) => {
  expect(ours(`apps/${name}`).filter((other) => APPS.includes(other))).toEqual([]);
});

test('the command line loads the roles only when it starts them', () => {
  const importing = sources('apps/cli').filter((file) =>
    /from '@ichor\/(receiver|worker|worklist)\//.test(readFileSync(file, 'utf8')),
  );
  expect(importing.map((file) => relative(ROOT, file))).toEqual([]);
});

test('no relative import leaves its package', () => {
  const folders = [...PACKAGES.map((name) => `packages/${name}`), ...APPS.map((name) => `apps/${name}`)];
  expect(folders.flatMap((folder) => sources(folder).flatMap((file) => escapes(file, folder)))).toEqual([]);
});

/** SQL in capitals, as all of ours is, and statements sent to the database. */
const SQL = [
  /\bSELECT\b[^;]*?\bFROM\b/,
  /\bINSERT INTO\b/,
  /\bUPDATE\s+\w+(\s+\w+)?\s+SET\b/,
  /\bDELETE FROM\b/,
  /\b(pool|client)\.query\(/,
  /from 'pg'/,
];
const holdsSql = (text: string): boolean => SQL.some((pattern) => pattern.test(text));

test('no source outside the store holds SQL', () => {
  const folders = [
    ...PACKAGES.filter((name) => name !== 'store').map((name) => `packages/${name}`),
    ...APPS.map((name) => `apps/${name}`),
  ];
  const holding = folders.flatMap(sources).filter((file) => holdsSql(readFileSync(file, 'utf8')));
  expect(holding.map((file) => relative(ROOT, file))).toEqual([]);
});

test.each([
  ['a query', "const { rows } = await database.pool.query('SHOW server_version');"],
  ['a read', 'const TEXT = `SELECT state\n  FROM study`;'],
  ['an insert', "const TEXT = 'INSERT INTO study (state) VALUES ($1)';"],
  ['a change', 'const TEXT = `UPDATE study s\n  SET state = $1`;'],
  ['a removal', "const TEXT = 'DELETE FROM study';"],
  ['the driver', "import type { QueryResultRow } from 'pg';"],
])('%s planted outside the store is found', (_, text) => {
  expect(holdsSql(`export const other = 1;\n${text}\n`)).toBe(true);
});

describe('planted in a package of the bottom', () => {
  const planted = join(ROOT, 'packages', 'dicom', 'src', 'planted');
  beforeEach(() => mkdirSync(planted));
  afterEach(() => rmSync(planted, { recursive: true, force: true }));

  const lint = (): string => {
    const { stdout, stderr } = spawnSync('biome', ['ci', '--colors=off', planted], { cwd: ROOT, encoding: 'utf8' });
    return stdout + stderr;
  };
  const plant = (text: string): void => writeFileSync(join(planted, 'planted.ts'), text);

  test.each([
    [
      'an import of a package above',
      "import { spool } from '@ichor/store/files/spool';\n\nexport const used = spool;\n",
    ],
    ['a library that it does not declare', "import pg from 'pg';\n\nexport const used = pg;\n"],
  ])('%s is refused by the linter', (_, text) => {
    plant(text);
    expect(lint()).toContain('lint/correctness/noUndeclaredDependencies');
  });

  test('a risky library in a second file is refused by the linter', () => {
    plant("import codecs from 'dcmjs-codecs';\n\nexport const used = codecs;\n");
    expect(lint()).toContain('lint/style/noRestrictedImports');
  });

  test('sound code is not', () => {
    plant("import { isSafeUid } from '../uid.ts';\n\nexport const used = isSafeUid;\n");
    expect(lint()).not.toContain('lint/');
  });
});

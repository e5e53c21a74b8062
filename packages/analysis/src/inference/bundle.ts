/** A model bundle: manifest, files, digests. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { IchorError, reasonOf } from '@ichor/shared/errors';
import type { ModelIdentity } from '@ichor/shared/study';
import { classNames, HEMORRHAGE, type Target } from '@ichor/shared/target';
import { z } from 'zod';

const File = z.object({
  path: z.string().regex(/^[A-Za-z0-9_.-]+$/, 'must be a plain file name'),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.number().int().positive(),
});
const Port = z.object({
  name: z.string(),
  type: z.enum(['float32', 'int16', 'int64']),
  shape: z.array(z.union([z.string(), z.number().int()])),
});
const Graph = File.extend({ inputs: z.array(Port), outputs: z.array(Port) });
const PerClass = z.record(z.string(), z.number().min(0).max(1));

const words = z.string().min(1).max(60);
/** Lengths are those of SH and LO (PS3.5 §6.2). */
const Concept = z.object({ value: z.string().min(1).max(16), scheme: z.string().min(1).max(16), meaning: words });
const ModelTarget = z.object({
  name: words,
  general: words,
  code: z.string().regex(/^[A-Z][A-Z0-9]{0,7}$/, 'must be 1 to 8 capitals and digits'),
  decides: z.string(),
  classes: z
    .array(
      z.object({
        name: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'must be up to 32 small letters, digits and dashes'),
        meaning: words,
        short: words,
        abbreviation: z.string().min(1).max(4),
        finding: Concept,
        site: Concept,
        unit: z.literal('1', 'must be 1: a score is a probability'),
      }),
    )
    .min(1),
}) satisfies z.ZodType<Target>;

const Preprocessing = z
  .object({
    /** 2.5D: so many slices below and as many above are input too, each through all windows; slice after slice. */
    neighbours: z.number().int().min(0).max(5).default(0),
    windows: z.array(z.object({ name: z.string(), centerHu: z.number(), widthHu: z.number().positive() })).min(1),
    resize: z.object({
      rows: z.number().int().positive(),
      columns: z.number().int().positive(),
      method: z.literal('bilinear'),
      halfPixelCentres: z.literal(true),
      antialias: z.literal(false),
    }),
    normalisation: z.object({ mean: z.array(z.number()), standardDeviation: z.array(z.number().positive()) }),
  })
  .refine(
    ({ windows, normalisation: { mean, standardDeviation } }) =>
      mean.length === windows.length && standardDeviation.length === windows.length,
    'normalisation needs a mean and a standard deviation for every window',
  );

/** `manifest.json`. What a person reads (training, metrics, limits) is kept, what a program uses is checked. */
export const Manifest = z
  .object({
    schema: z.literal('ichor-bundle/1'),
    name: z.string().min(1),
    version: z.string().min(1),
    variant: z.string(),
    /** In the order of every vector. */
    classes: z.array(z.string()),
    /** What they are; a bundle without it has the six of {@link HEMORRHAGE}. */
    target: ModelTarget.optional(),
    /** `explain`, inner activations [1, C, h, w] and weights [T, F] → maps [T, h, w]; without it maps are those of the last layer. */
    /** `domain`, features [S, F] → distance [1], is there when `outOfDomain` is. */
    files: z.object({
      cnn: Graph,
      sequence: Graph,
      sequenceGrad: Graph,
      explain: Graph.optional(),
      domain: Graph.optional(),
      golden: File,
      modelCard: File,
    }),
    preprocessing: Preprocessing,
    selector: z.object({ kind: z.string(), count: z.number().int().min(0) }),
    /** Whose decision heat maps explain; `cnn` where the gradient of the sequence model cannot be had. */
    gradCam: z.enum(['sequence', 'cnn']),
    heatMap: z.object({ layer: z.string(), why: z.string().optional() }).loose().optional(),
    calibration: z.object({ temperature: z.array(z.number().positive()) }),
    thresholds: z
      .object({ default: z.string(), sets: z.record(z.string(), PerClass), source: z.string() })
      .refine(({ default: name, sets }) => name in sets, 'thresholds.default names no set'),
    /** Farther from what the model knows than this a study is not analysed; null: the bundle cannot tell. */
    outOfDomain: z.object({ threshold: z.number().positive(), source: z.string() }).loose().nullish(),
    training: z.array(z.object({ name: z.string(), licence: z.string(), attribution: z.string() }).loose()),
    metrics: z.record(z.string(), z.unknown()),
    intendedUse: z.string(),
    limits: z.array(z.string()),
  })
  .refine(
    ({ files, outOfDomain }) => (files.domain === undefined) === (outOfDomain == null),
    'outOfDomain and files.domain belong together',
  )
  .superRefine((manifest, { addIssue }) => {
    for (const [path, message] of classProblems(manifest)) addIssue({ code: 'custom', path: [path], message });
  });
export type Manifest = z.infer<typeof Manifest>;

type Classes = {
  readonly classes: readonly string[];
  readonly target?: Target | undefined;
  readonly calibration: { readonly temperature: readonly number[] };
  readonly thresholds: { readonly sets: Readonly<Record<string, Readonly<Record<string, number>>>> };
};
/** What a manifest says of its classes in several places must be the same everywhere. */
function* classProblems({ classes, target, calibration, thresholds }: Classes): Generator<[path: string, string]> {
  const names = classNames(target ?? HEMORRHAGE);
  const same = (others: readonly string[]): boolean => others.toSorted().join() === names.toSorted().join();
  if (classes.join() !== names.join())
    yield [
      'classes',
      target === undefined
        ? `are ${classes.join(', ')}: a bundle that looks for anything but ${names.join(', ')} must say in "target" what its classes are`
        : `are not those of target.classes, in the same order: ${names.join(', ')}`,
    ];
  if (new Set(names).size < names.length) yield ['target', 'names a class twice'];
  if (target !== undefined && !names.includes(target.decides)) yield ['target', `has no class "${target.decides}"`];
  if (calibration.temperature.length !== names.length)
    yield ['calibration', `has ${calibration.temperature.length} temperatures for ${names.length} classes`];
  for (const [set, values] of Object.entries(thresholds.sets))
    if (!same(Object.keys(values)))
      yield ['thresholds', `set "${set}" must name ${names.join(', ')}, and no other class`];
}

export type Bundle = { readonly dir: string; readonly manifest: Manifest; readonly identity: ModelIdentity };

/** Every problem of a bundle at once; the graphs themselves are tried by {@link selfTest}. */
export async function verifyBundle(dir: string): Promise<{ manifest: Manifest | null; problems: string[] }> {
  try {
    const { manifest } = await readManifest(dir);
    const problems = await Promise.all(filesOf(manifest).map((file) => fileProblem(dir, file)));
    return { manifest, problems: problems.filter((problem) => problem !== null) };
  } catch (error) {
    return { manifest: null, problems: [reasonOf(error)] };
  }
}

/** @throws IchorError BUNDLE_INVALID with every problem */
export async function openBundle(dir: string): Promise<Bundle> {
  const { manifest, problems } = await verifyBundle(dir);
  if (manifest === null || problems.length > 0)
    throw new IchorError('BUNDLE_INVALID', { path: dir, reason: problems.join('; ') });
  const { bytes } = await readManifest(dir);
  return {
    dir,
    manifest,
    identity: {
      name: manifest.name,
      version: manifest.version,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      ...(manifest.target && { target: manifest.target }),
    },
  };
}

async function readManifest(dir: string): Promise<{ manifest: Manifest; bytes: Buffer }> {
  const bytes = await readFile(join(dir, 'manifest.json')).catch((error: NodeJS.ErrnoException) => {
    throw new Error(error.code === 'ENOENT' ? 'there is no manifest.json' : reasonOf(error));
  });
  const parsed = Manifest.safeParse(parsedJson(bytes));
  if (!parsed.success) throw new Error(listed('manifest.json', parsed.error));
  return { manifest: parsed.data, bytes };
}

function parsedJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new Error(`manifest.json is no JSON: ${reasonOf(error)}`);
  }
}

/** Everything that a schema found wrong with a file, in one sentence each. */
export const listed = (file: string, { issues }: z.ZodError): string =>
  issues.map((issue) => `${file}: ${issue.path.join('.')} ${issue.message}`).join('; ');

export const bundleInvalid = (path: string, reason: string): IchorError =>
  new IchorError('BUNDLE_INVALID', { path, reason });

const filesOf = ({ files }: Manifest) => Object.values(files).filter((file) => file !== undefined);

async function fileProblem(dir: string, file: z.infer<typeof File>): Promise<string | null> {
  const bytes = await readFile(join(dir, file.path)).catch(() => null);
  if (bytes === null) return `${file.path} is missing`;
  if (bytes.length !== file.bytes)
    return `${file.path} has ${bytes.length} bytes where the manifest says ${file.bytes}`;
  const digest = createHash('sha256').update(bytes).digest('hex');
  return digest === file.sha256 ? null : `${file.path} has another SHA-256 than the manifest says`;
}

/**
 * Thresholds in class order: a set of the bundle, changed per class where the site says so.
 * @param settings ICHOR_THRESHOLDS: the name of a set, and `class=value` entries
 * @throws IchorError CONFIG_INVALID
 */
export function thresholdsOf(manifest: Manifest, settings: readonly string[]): number[] {
  const { sets, default: standard } = manifest.thresholds;
  const setNames = settings.filter((setting) => !setting.includes('='));
  const set = sets[setNames[0] ?? standard];
  if (set === undefined || setNames.length > 1) {
    throw new IchorError('CONFIG_INVALID', {
      problems: `ICHOR_THRESHOLDS must name one of ${Object.keys(sets).join(', ')}, not "${setNames.join(', ')}"`,
    });
  }
  const names = classNames(manifest.target ?? HEMORRHAGE);
  const own = new Map(
    settings.filter((setting) => setting.includes('=')).map((setting) => parseOverride(setting, names)),
  );
  return names.map((name) => own.get(name) ?? set[name]!);
}

function parseOverride(setting: string, names: readonly string[]): [string, number] {
  const [name, text] = setting.split('=') as [string, string];
  const value = Number(text);
  if (!names.includes(name) || !(value > 0 && value < 1)) {
    throw new IchorError('CONFIG_INVALID', {
      problems: `ICHOR_THRESHOLDS "${setting}" must be one of ${names.join(', ')} with a value between 0 and 1`,
    });
  }
  return [name, value];
}

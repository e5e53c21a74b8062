/** `golden.json` of a bundle: inputs, and what the network that was trained makes of them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf } from '@ichor/shared/errors';
import { z } from 'zod';
import { type Bundle, bundleInvalid, listed } from './bundle.ts';

const shape = z.array(z.number().int().positive()).min(1);
const elements = (sizes: readonly number[]): number => sizes.reduce((product, size) => product * size, 1);
const bytesOf = (base64: string): ArrayBuffer => new Uint8Array(Buffer.from(base64, 'base64')).buffer;

const Floats = z
  .object({ shape, float32Base64: z.base64() })
  .transform(({ shape, float32Base64 }) => ({ shape, values: new Float32Array(bytesOf(float32Base64)) }))
  .refine(({ shape, values }) => values.length === elements(shape), 'has another number of values than its shape');
const Shorts = z
  .object({ shape, int16Base64: z.base64() })
  .transform(({ shape, int16Base64 }) => ({ shape, values: new Int16Array(bytesOf(int16Base64)) }))
  .refine(({ shape, values }) => values.length === elements(shape), 'has another number of values than its shape');

const Golden = z.object({
  cnn: z.object({ hu: Shorts, features: Floats, logits: Floats }),
  sequence: z.object({ features: Floats, logits: Floats, sequenceLogits: Floats }),
  sequenceGrad: z.object({
    targetSlice: z.array(z.number().int().min(0)).min(1),
    targetClass: z.array(z.number().int().min(0)).min(1),
    weights: Floats,
    influence: Floats.optional(),
  }),
  /** Maps of one slice of `cnn` under the weights of `sequenceGrad`; in bundles that explain an inner layer. */
  explain: z.object({ slice: z.number().int().min(0), maps: Floats }).optional(),
  /** Of the sequence's features; in bundles that have a domain. */
  domain: z.object({ distance: Floats }).optional(),
  toleranceAbsolute: z.number().positive(),
});
export type Golden = z.infer<typeof Golden>;
export type Stored = z.infer<typeof Floats>;

/** @throws IchorError BUNDLE_INVALID naming what is missing or misshapen */
export async function readGolden({ dir, manifest }: Pick<Bundle, 'dir' | 'manifest'>): Promise<Golden> {
  const { path } = manifest.files.golden;
  const text = await readFile(join(dir, path), 'utf8');
  let values: unknown;
  try {
    values = JSON.parse(text);
  } catch (error) {
    throw bundleInvalid(dir, `${path} is no JSON: ${reasonOf(error)}`);
  }
  const parsed = Golden.safeParse(values);
  if (!parsed.success) throw bundleInvalid(dir, listed(path, parsed.error));
  return parsed.data;
}

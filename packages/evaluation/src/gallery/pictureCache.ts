/** Drawn errors on disk, so that a report with other thresholds draws only what no report has shown. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelIdentity } from '@ichor/shared/study';
import { z } from 'zod';
import type { StudyError } from './worstErrors.ts';

/** One slice in the brain window, without and with its heat map, as JPEG. */
export type ErrorImage = { readonly sliceIndex: number; readonly slice: Buffer; readonly heatmap: Buffer };
export type PictureCache = {
  load(inputDigest: string, error: StudyError): Promise<readonly ErrorImage[] | null>;
  save(inputDigest: string, error: StudyError, images: readonly ErrorImage[]): Promise<void>;
};

/** A picture is that of a study, a class, and the slices that are labelled to show it. @param conditions as of the predictions */
export function pictureFolder(out: string, model: ModelIdentity, conditions: readonly string[]): PictureCache {
  const folder = join(out, 'pictures', [model.sha256.slice(0, 16), ...conditions].join('-'));
  const fileOf = (inputDigest: string, { finding, profile }: StudyError): string => {
    const what = [inputDigest, finding, ...profile.map(({ labelled }) => labelled)].join(' ');
    return join(folder, `${createHash('sha256').update(what).digest('hex')}.json`);
  };
  return {
    async load(inputDigest, error) {
      const text = await readFile(fileOf(inputDigest, error), 'utf8').catch(() => null);
      return text === null ? null : parsed(text);
    },
    async save(inputDigest, error, images) {
      await mkdir(folder, { recursive: true });
      const half = `${fileOf(inputDigest, error)}.part`;
      await writeFile(half, JSON.stringify(images.map(stored)));
      await rename(half, fileOf(inputDigest, error));
    },
  };
}

const Stored = z.array(z.object({ sliceIndex: z.number(), slice: z.string(), heatmap: z.string() }));

const stored = ({ sliceIndex, slice, heatmap }: ErrorImage): z.infer<typeof Stored>[number] => ({
  sliceIndex,
  slice: slice.toString('base64'),
  heatmap: heatmap.toString('base64'),
});

/** A file that is broken or of another form is as good as none. */
function parsed(text: string): ErrorImage[] | null {
  try {
    return Stored.parse(JSON.parse(text)).map(({ sliceIndex, slice, heatmap }) => ({
      sliceIndex,
      slice: Buffer.from(slice, 'base64'),
      heatmap: Buffer.from(heatmap, 'base64'),
    }));
  } catch {
    return null;
  }
}

/** Predictions on disk, so that an evaluation that was stopped goes on where it was, and a report can be made again at once. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelIdentity } from '@ichor/shared/study';
import { type StudyPrediction, StudyPredictionSchema } from './studyPrediction.ts';

export type PredictionCache = {
  load(inputDigest: string): Promise<StudyPrediction | null>;
  save(inputDigest: string, prediction: StudyPrediction): Promise<void>;
};

/** Nothing is kept: an evaluation without an output folder. */
export const noPredictionCache: PredictionCache = { load: async () => null, save: async () => {} };

/**
 * @param out output folder
 * @param conditions under which another prediction may result: Ichor's version, accepted reasons; fit for a file name
 */
export function folderCache(out: string, model: ModelIdentity, conditions: readonly string[]): PredictionCache {
  const folder = join(out, 'predictions', [model.sha256.slice(0, 16), ...conditions].join('-'));
  const fileOf = (inputDigest: string): string => join(folder, `${inputDigest}.json`);
  return {
    async load(inputDigest) {
      const text = await readFile(fileOf(inputDigest), 'utf8').catch(() => null);
      return text === null ? null : parsed(text);
    },
    async save(inputDigest, prediction) {
      await mkdir(folder, { recursive: true });
      const half = `${fileOf(inputDigest)}.part`;
      await writeFile(half, JSON.stringify(prediction));
      await rename(half, fileOf(inputDigest));
    },
  };
}

/** A file that is broken or of another form is as good as none. */
function parsed(text: string): StudyPrediction | null {
  try {
    return StudyPredictionSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/** Triage of a 35-slice study against the bare onnxruntime time of the same graphs, in the same run, and its stages. */

import { analyseStudy } from '@ichor/analysis/analyseStudy';
import { noFeatureCache } from '@ichor/analysis/featureCache';
import { startInference } from '@ichor/analysis/inference/inference';
import { findDicomFiles } from '@ichor/analysis/volume/findDicomFiles';
import { loadSlice } from '@ichor/analysis/volume/loadSlice';
import { readHeaders } from '@ichor/analysis/volume/readHeaders';
import { writePhantomStudy } from '@ichor/phantom/writeStudy';
import { writeObjects } from '@ichor/report/writeObjects';
import { type Config, loadConfig } from '@ichor/settings/config';
import { localFiles } from '@ichor/store/files/folderReader';
import { createLog } from '@ichor/telemetry/log';
import { openWorkFolder } from '../test/support/workFolder.ts';
import { bareInferenceMs } from './bareInference.ts';

const SLICES = 35;
const RUNS = 7;
const SHAPE = { rows: 512, columns: 512, frameNumber: 1, frames: 1 };

/** Wall times in ms, median of {@link RUNS} runs that alternate with the floor's. */
export async function printTriage(): Promise<void> {
  const folder = await openWorkFolder('bench-triage');
  try {
    await writePhantomStudy({ out: folder.path, seed: 4_242, slices: SLICES, bleeds: ['subdural'] });
    const config = loadConfig({ ICHOR_LOG_LEVEL: 'silent' });
    print(await measure(await findDicomFiles(folder.path), config));
  } finally {
    await folder.remove();
  }
}

type Row = Readonly<Record<'headersMs' | 'decodeMs' | 'analysisMs' | 'objectsMs' | 'floorMs', number>>;

async function measure(paths: readonly string[], config: Config): Promise<Row[]> {
  const inference = await startInference(config, createLog(config, 'bench'));
  const tools = { inference, features: noFeatureCache, files: localFiles };
  const rows: Row[] = [];
  try {
    await analyseStudy('2.25.1', paths, tools);
    for (let run = 0; run < RUNS; run++) {
      const [headersMs, headers] = await timed(() => readHeaders(localFiles, paths, () => {}));

      const [decodeMs] = await timed(async () => {
        for (const { reference } of headers) await loadSlice({ reference, ...SHAPE }, localFiles);
      });
      const [analysisMs, analysed] = await timed(() => analyseStudy('2.25.1', paths, tools));
      if (analysed.result.state !== 'flagged') throw new Error(`the study ended ${analysed.result.state}`);
      const [objectsMs] = await timed(() => writeObjects(analysed, config, null));
      const mapsPerKeySlice = analysed.analysis!.keySliceImages.map(({ maps }) => maps.length);
      const floorMs = await bareInferenceMs(config.modelDir, {
        threads: config.inferenceThreads,
        slices: SLICES,
        mapsPerKeySlice,
      });
      rows.push({ headersMs, decodeMs, analysisMs, objectsMs, floorMs });
    }
  } finally {
    await inference.close();
  }
  return rows;
}

async function timed<Value>(work: () => Promise<Value>): Promise<[ms: number, value: Value]> {
  const started = performance.now();
  const value = await work();
  return [performance.now() - started, value];
}

function print(rows: readonly Row[]): void {
  const line = (name: string, pick: (row: Row) => number, note: string): void =>
    console.log(`  ${name.padEnd(26)} ${median(rows.map(pick)).toFixed(0).padStart(6)} ms   ${note}`);
  const ratio = (name: string, pick: (row: Row) => number, note: string): void => {
    const values = rows.map((row) => pick(row) / row.floorMs);
    const [low, high] = [Math.min(...values), Math.max(...values)].map((value) => value.toFixed(2));
    console.log(`  ${name.padEnd(26)} ${median(values).toFixed(2).padStart(6)}      (${low} to ${high}; ${note})`);
  };
  console.log(`\nTriage of ${SLICES} slices of 512 x 512, ${rows.length} runs, medians`);
  line('files to result', (row) => row.analysisMs, 'headers, selection, stack, decode, CNN, sequence, Grad-CAM');
  line('  of it headers', (row) => row.headersMs, 'measured alone');
  line('  of it decoding', (row) => row.decodeMs, 'measured alone');
  line('SR and heat maps', (row) => row.objectsMs, 'written in memory, after the result');
  line('bare onnxruntime', (row) => row.floorMs, "same graphs, same inputs' shapes, nothing else");
  ratio('ratio to result', (row) => row.analysisMs, 'goal at most 1.3');
  ratio('ratio with SR, heat maps', (row) => row.analysisMs + row.objectsMs, 'for information');
}

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)]!;
}

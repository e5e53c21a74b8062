/** Triage of a 35-slice study against the bare onnxruntime time of the same graphs, in the same run. */
import { writePhantomStudy } from '@ichor/phantom';
import { type Config, createLog, loadConfig } from '@ichor/shared';
import { startInference } from '../apps/worker/src/inference/inference.ts';
import type { SliceStack } from '../apps/worker/src/types.ts';
import { buildStack } from '../apps/worker/src/volume/buildStack.ts';
import { findDicomFiles } from '../apps/worker/src/volume/findDicomFiles.ts';
import { loadSlice } from '../apps/worker/src/volume/loadSlice.ts';
import { readHeaders } from '../apps/worker/src/volume/readHeaders.ts';
import { selectSeries } from '../apps/worker/src/volume/selectSeries.ts';
import { openWorkFolder } from '../test/support/workFolder.ts';
import { bareInferenceMs } from './bareInference.ts';

const SLICES = 35;
const RUNS = 5;

/** Wall times in ms, median of {@link RUNS} runs that alternate with the floor's. */
export async function printTriage(): Promise<void> {
  const folder = await openWorkFolder('bench-triage');
  try {
    await writePhantomStudy({ out: folder.path, seed: 4_242, slices: SLICES, bleeds: ['subdural'] });
    const config = loadConfig({ ICHOR_LOG_LEVEL: 'silent' });
    const { stack, headersMs } = await stackOf(folder.path);
    const rows = await measure(stack, config);
    print(headersMs, rows);
  } finally {
    await folder.remove();
  }
}

async function stackOf(path: string): Promise<{ stack: SliceStack; headersMs: number }> {
  const started = performance.now();
  const selected = selectSeries(await readHeaders(await findDicomFiles(path), () => {})).selected!;
  const built = buildStack(selected);
  if ('reason' in built) throw new Error(built.reason.sentence);
  return { stack: built.stack, headersMs: performance.now() - started };
}

type Row = { readonly analysisMs: number; readonly decodeMs: number; readonly floorMs: number };

async function measure(stack: SliceStack, config: Config): Promise<Row[]> {
  const inference = await startInference(config, createLog(config, 'bench'));
  const rows: Row[] = [];
  try {
    await inference.analyse(stack, { cached: new Map() });
    for (let run = 0; run < RUNS; run++) {
      const decodeMs = await timed(async () => {
        for (const slice of stack.slices) await loadSlice(slice);
      });
      const analysisMs = await timed(() => inference.analyse(stack, { cached: new Map() }));
      rows.push({
        decodeMs,
        analysisMs,
        floorMs: await bareInferenceMs(config.modelDir, config.inferenceThreads, SLICES),
      });
    }
  } finally {
    await inference.close();
  }
  return rows;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

function print(headersMs: number, rows: readonly Row[]): void {
  const median = (pick: (row: Row) => number): number =>
    rows.map(pick).sort((one, other) => one - other)[Math.floor(rows.length / 2)]!;
  const ratio = rows.map((row) => row.analysisMs / row.floorMs).sort((one, other) => one - other);
  const ms = (value: number): string => `${value.toFixed(0).padStart(6)} ms`;
  console.log(`\nTriage of ${SLICES} slices of 512 x 512, ${rows.length} runs, medians`);
  console.log(`  headers, selection, stack   ${ms(headersMs)}   (once)`);
  console.log(`  decoding alone              ${ms(median((row) => row.decodeMs))}   (part of the analysis)`);
  console.log(
    `  analysis                    ${ms(median((row) => row.analysisMs))}   decode, CNN, sequence, findings, Grad-CAM`,
  );
  console.log(
    `  bare onnxruntime            ${ms(median((row) => row.floorMs))}   same graphs, same inputs' shapes, nothing else`,
  );
  console.log(
    `  ratio                       ${ratio[Math.floor(ratio.length / 2)]!.toFixed(2)}   (${ratio[0]!.toFixed(2)} to ${ratio.at(-1)!.toFixed(2)}; goal at most 1.3)`,
  );
}

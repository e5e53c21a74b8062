/** `ichor heatmap DIR`: the picture of what decided, or of any slice and class, as PNG. */
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { analyseStudy } from '@ichor/analysis/analyseStudy';
import { noFeatureCache } from '@ichor/analysis/featureCache';
import type { MapRequest } from '@ichor/analysis/inference/findings';
import { type Inference, startInference } from '@ichor/analysis/inference/inference';
import type { KeySliceImage, SliceStack } from '@ichor/analysis/types';
import { drawHeatmap, rgbPng } from '@ichor/report/heatmapImage';
import { keySlicePicture } from '@ichor/report/keySlicePicture';
import { percent } from '@ichor/report/measurementReport';
import { IchorError } from '@ichor/shared/errors';
import type { TriageResult } from '@ichor/shared/study';
import { classNames, targetOf } from '@ichor/shared/target';
import { localFiles } from '@ichor/store/files/folderReader';
import { type Cli, configOf } from '../context.ts';
import { EXIT, type ExitCode } from '../exitCodes.ts';
import { askedSlice } from '../heatmap/askedSlice.ts';
import { onlyStudy } from '../heatmap/onlyStudy.ts';
import { paint, table } from '../terminal.ts';
import { STATE_STYLES } from '../triage/describeStudy.ts';
import { inferenceNotes } from '../triage/inferenceNotes.ts';

export type HeatmapOptions = {
  /** Null: the folder holds one study only. */
  readonly study: string | null;
  /** From 1 at the skull base, or a SOP Instance UID; null: the slice with the highest score of the class. */
  readonly slice: string | null;
  /** Null: the class that decides. */
  readonly finding: string | null;
  /** Null: named after the slice and the class, in the current folder. */
  readonly png: string | null;
};

/** Writes one picture and says what it shows. @throws IchorError INPUT_UNUSABLE: no study, several of them, no such slice or class */
export async function heatmap(cli: Cli, dir: string, options: HeatmapOptions): Promise<ExitCode> {
  const { studyInstanceUid, paths } = await onlyStudy(dir, options.study, cli.terminal.note);
  const inference = await startInference(configOf(cli), inferenceNotes(cli.terminal));
  try {
    const finding = askedClass(inference, options.finding);
    const { result, stack, analysis } = await analyseStudy(studyInstanceUid, paths, {
      inference: asking(inference, options.slice, finding),
      features: noFeatureCache,
      files: localFiles,
    });
    if (stack === null) {
      cli.terminal.note(
        `not analysed, so there is no picture: ${result.reason.sentence} ${result.reason.detail ?? ''}`,
      );
      return EXIT.notAnalysed;
    }
    const image = analysis.keySliceImages[0]!;
    const path = resolve(options.png ?? `slice-${image.sliceIndex + 1}-${finding}.png`);
    await write(path, await rgbPng(await drawHeatmap(keySlicePicture(stack, image, result.model))));
    cli.terminal.print(`${paint(cli.terminal, STATE_STYLES[result.state], result.state)}  study ${studyInstanceUid}`);
    for (const line of table(shown(image, stack, result))) cli.terminal.print(`  ${line}`);
    cli.terminal.print(`  ${path}`);
    cli.terminal.print(
      '  Not for diagnostic use. A heat map shows what drove a score, not the extent of a hemorrhage.',
    );
    return EXIT.done;
  } finally {
    await inference.close();
  }
}

/** What a bundle looks for is known when it is loaded. */
function askedClass({ model }: Inference, asked: string | null): string {
  const target = targetOf(model);
  const name = asked ?? target.decides;
  if (!classNames(target).includes(name))
    throw new IchorError('INPUT_UNUSABLE', {
      path: `--class ${name}`,
      reason: `${model.name} looks for ${classNames(target).join(', ')}`,
    });
  return name;
}

/** Which slice a UID means is known when the stack is. */
const asking = (inference: Inference, slice: string | null, finding: string): Inference => ({
  ...inference,
  analyse: (stack, options) => {
    const asked: MapRequest = { finding, slice: slice === null ? 'highest' : askedSlice(stack, slice) };
    return inference.analyse(stack, { ...options, asked: [asked] });
  },
});

function shown({ sliceIndex, maps }: KeySliceImage, { slices }: SliceStack, result: TriageResult): string[][] {
  const { classIndex, map } = maps[0]!;
  const finding = targetOf(result.model).classes[classIndex]!.name;
  const { sopInstanceUid, probabilities, cnnProbabilities, influence } = result.sliceScores[sliceIndex]!;
  const score = probabilities[classIndex]!;
  const higher = result.sliceScores.filter((other) => other.probabilities[classIndex]! > score).length;
  const own = influence?.[finding];
  return [
    ['slice', `${sliceIndex + 1} of ${slices.length}, ${sopInstanceUid}`],
    ['class', finding],
    ['score', `${score.toFixed(3)}, ${higher === 0 ? 'the highest of all slices' : `${higher} slices are higher`}`],
    ['CNN alone', cnnProbabilities[classIndex]!.toFixed(3)],
    ...(own === undefined ? [] : [['driven by', `this slice ${percent(own)} %, its neighbours ${percent(1 - own)} %`]]),
    ...(map.some((value) => value > 0) ? [] : [['map', 'empty: no region of this slice raised the score']]),
  ];
}

async function write(path: string, png: Buffer): Promise<void> {
  await writeFile(path, png).catch((error: Error) => {
    throw new IchorError('INPUT_UNUSABLE', { path, reason: `the picture cannot be written there: ${error.message}` });
  });
}

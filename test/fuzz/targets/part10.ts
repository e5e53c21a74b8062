/** `part10`: changed files through parser, selection and decoders, as `ichor triage` runs them. */
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TRANSFER_SYNTAXES } from '@ichor/dicom/transferSyntaxes';
import { openWorkFolder } from '../../support/workFolder.ts';
import { type Corpus, type CorpusInstance, makeCorpus, part10Of } from '../corpus/instances.ts';
import type { WantedCell } from '../coverage.ts';
import type { Dice } from '../dice.ts';
import { mutateBytes } from '../mutate/bytes.ts';
import { mutateInstance } from '../mutate/instance.ts';
import { childrenOf, mebibytes, residentBytes } from '../processMemory.ts';
import type { Attack, Fault, Input, Target, Verdict } from '../target.ts';
import { startVictim, type Victim } from '../victim.ts';
import type { FromVictim, ToVictim } from './part10Victim.ts';

/** Computing time for one slice. A slice that takes it is undecodable; an analysis never takes as long as its own deadline. */
const SLICE_TIMEOUT_MS = 1_000;
const INFERENCE_TIMEOUT_MS = 20_000;
const DEADLINE_MS = 3 * INFERENCE_TIMEOUT_MS;
/** Above what parent and child hold after the first analysis. */
const MOST_GROWTH_BYTES = 600_000_000;
/** A whole analysis costs ten times a decoding. */
const WHOLE_EVERY = 4;

type Part10Input = Input & { readonly row: string; readonly whole: boolean };
type Lane = { readonly folder: string; readonly file: string };

export const part10: Target = {
  name: 'part10',
  checkEvery: 500,
  async open() {
    const folder = await openWorkFolder('fuzz-part10');
    const corpus = await makeCorpus(join(folder.path, 'study'));
    const env = {
      ICHOR_INFERENCE_TIMEOUT_MS: String(INFERENCE_TIMEOUT_MS),
      ICHOR_INFERENCE_THREADS: '1',
      ICHOR_SLICE_DECODE_TIMEOUT_MS: String(SLICE_TIMEOUT_MS),
    };
    const victim = await startVictim<ToVictim, FromVictim>(join(import.meta.dirname, 'part10Victim.ts'), {
      env,
      deadlineMs: DEADLINE_MS,
    });
    const lane = await openLane(join(folder.path, 'lane'), corpus);
    return attackOf(corpus, victim, lane, () => folder.remove());
  },
};

async function openLane(folder: string, { study }: Corpus): Promise<Lane> {
  await mkdir(folder);
  for (const [index, file] of study.files.entries())
    if (index !== study.slice) await copyFile(file, join(folder, `${index}.dcm`));
  return { folder, file: join(folder, `${study.slice}.dcm`) };
}

function attackOf(
  corpus: Corpus,
  victim: Victim<ToVictim, FromVictim>,
  lane: Lane,
  remove: () => Promise<void>,
): Attack<Part10Input> {
  const instances = [...corpus.images, ...corpus.others];
  const slices = corpus.images.slice(0, TRANSFER_SYNTAXES.length);
  let [usual, most] = [0, 0];
  const give = async (bytes: Buffer, whole: boolean) => {
    await writeFile(lane.file, bytes);
    return victim.ask({ ...lane, whole });
  };
  return {
    corpusSize: instances.length,
    concurrency: 1,
    wanted: slices.flatMap(({ transferSyntaxUid }) => wantedOf(rowOf(transferSyntaxUid))),
    make: (dice, index) => inputOf(instances, slices, dice, index),
    async run(input) {
      const outcome = await give(input.bytes, input.whole);
      if ('fault' in outcome)
        return { cells: [{ row: `decode ${input.row}`, outcome: outcome.fault.kind }], faults: [outcome.fault] };
      return verdictOf(input, outcome.answer);
    },
    async check() {
      const good = await give(part10Of(slices[0]!), true);
      const faults: Fault[] = [];
      if (!('answer' in good) || !('analyse' in good.answer) || good.answer.analyse !== 'analysed')
        faults.push({ kind: 'good-study', message: `a good study is not analysed: ${JSON.stringify(good)}` });
      const now = memoryOf(victim);
      if (usual === 0) usual = now;
      most = Math.max(most, now);
      if (now > usual + MOST_GROWTH_BYTES)
        faults.push({ kind: 'memory', message: `${mebibytes(now)} where ${mebibytes(usual)} are usual` });
      return faults;
    },
    figures: () => [`memory at rest ${mebibytes(usual)} at first, ${mebibytes(most)} at most`],
    async close() {
      victim.close();
      await remove();
    },
  };
}

const memoryOf = (victim: Victim<ToVictim, FromVictim>): number => {
  const pid = victim.pid();
  return pid === null ? 0 : [pid, ...childrenOf(pid)].reduce((sum, one) => sum + residentBytes(one), 0);
};

/** Images in every transfer syntax in turn; reports and odd forms now and then; anything in the file's head seldom. */
function inputOf(
  instances: readonly CorpusInstance[],
  slices: readonly CorpusInstance[],
  dice: Dice,
  index: number,
): Part10Input {
  const whole = index < instances.length || index % WHOLE_EVERY === 0;
  if (index < instances.length) {
    const instance = instances[index]!;
    return {
      bytes: part10Of(instance),
      about: `${instance.name}, as it is`,
      row: rowOf(instance.transferSyntaxUid),
      whole,
    };
  }
  const instance = dice.chance(0.15) ? dice.pick(instances) : slices[index % slices.length]!;
  const file = part10Of(mutateInstance(instance, dice));
  const bytes = dice.chance(0.05) ? mutateBytes(file, dice, 400) : file;
  return { bytes, about: instance.name, row: rowOf(instance.transferSyntaxUid), whole };
}

const rowOf = (transferSyntaxUid: string): string => {
  const { name = '' } = TRANSFER_SYNTAXES.find(({ uid }) => uid === transferSyntaxUid) ?? {};
  return `${transferSyntaxUid.replace('1.2.840.10008.', '')} ${name}`;
};

const wantedOf = (row: string): WantedCell[] => [
  { row: `decode ${row}`, outcome: /^decoded$/ },
  { row: `decode ${row}`, outcome: /-pixel-data$/ },
  { row: `decode ${row}`, outcome: /^unreadable-instance$/ },
  { row: `analyse ${row}`, outcome: /^analysed$/ },
  { row: `analyse ${row}`, outcome: /^(?!analysed)/ },
];

/** Codes of errors that say that something went wrong inside, not what is wrong with the input. */
const IMPROPER = new Set(['INTERNAL', 'INFERENCE_TIMEOUT', 'report-unusable', 'INFERENCE_FAILED', 'INFERENCE_CRASHED']);

function verdictOf({ row }: Part10Input, answer: FromVictim): Verdict {
  if (answer.kind !== 'done') return { cells: [], faults: [] };
  const { decode, analyse, detail } = answer;
  const outcomes = [
    { row: `decode ${row}`, outcome: decode },
    ...(analyse === null ? [] : [{ row: `analyse ${row}`, outcome: analyse }]),
  ];
  const improper = outcomes.filter(({ outcome }) => IMPROPER.has(outcome));
  const internal = /Unexpected fault/.test(detail) && improper.length === 0 ? [{ outcome: 'Unexpected fault' }] : [];
  return {
    cells: outcomes,
    faults: [...improper, ...internal].map(({ outcome }) => ({
      kind: 'improper-answer',
      message: `${outcome}: ${detail}`,
    })),
  };
}

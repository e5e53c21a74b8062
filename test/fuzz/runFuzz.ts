/** ★ The loop: inputs of a seed, one after the other on each lane, until the time or the number is over; then the report. */
import { join } from 'node:path';
import { ROOT } from '../support/ichor.ts';
import { countCoverage } from './coverage.ts';
import { diceOf } from './dice.ts';
import { type Finding, keepFindings } from './findings.ts';
import type { Attack, Input, Target, Verdict } from './target.ts';

export type FuzzOptions = {
  readonly seed: number;
  /** When to stop: after a time, after a number of inputs, or after one input by its index. */
  readonly until: { readonly minutes: number } | { readonly inputs: number } | { readonly only: number };
  readonly print?: (line: string) => void;
};
export type FuzzReport = {
  readonly inputs: number;
  readonly inputsPerSecond: number;
  readonly findings: readonly Finding[];
  /** Cells that had to be reached and were not. */
  readonly unreached: readonly string[];
};

const PROGRESS_EVERY_MS = 5_000;
/** So many different faults say enough. */
const MOST_FINDINGS = 25;

export async function runFuzz(target: Target, { seed, until, print = () => {} }: FuzzOptions): Promise<FuzzReport> {
  const attack = await target.open();
  const coverage = countCoverage();
  const findings = keepFindings(join(ROOT, 'test-output', 'fuzz', target.name), seed, print);
  const started = performance.now();
  const seconds = (): number => (performance.now() - started) / 1000;
  let [next, done] = 'only' in until ? [until.only, 0] : [0, 0];
  const last = 'only' in until ? until.only + 1 : 'inputs' in until ? until.inputs : Number.POSITIVE_INFINITY;
  const endMs = 'minutes' in until ? started + until.minutes * 60_000 : Number.POSITIVE_INFINITY;
  const lane = async (): Promise<void> => {
    while (next < last && performance.now() < endMs && findings.all.length < MOST_FINDINGS) {
      const index = next++;
      const input = attack.make(diceOf(seed, index), index);
      const { cells, faults } = await judged(attack, input, index);
      coverage.add(cells, index);
      await findings.add(faults, index, input);
      if (++done % target.checkEvery === 0) await findings.add(await attack.check(), index, input);
    }
  };
  const progress = setInterval(
    () => print(progressLine(target, done, seconds(), findings.all.length)),
    PROGRESS_EVERY_MS,
  );
  try {
    await Promise.all(Array.from({ length: attack.concurrency }, lane));
    const inputsPerSecond = done / seconds();
    await findings.add(await attack.check(), next, { bytes: Buffer.alloc(0), about: 'after the last input' });
    const unreached = 'only' in until ? [] : coverage.missing(attack.wanted);
    print(
      `\n${target.name}: ${done} inputs of seed ${seed} in ${seconds().toFixed(0)} s, ${inputsPerSecond.toFixed(1)} inputs per second`,
    );
    for (const line of [...coverage.table(), ...attack.figures().map((figure) => `  ${figure}`)]) print(line);
    for (const cell of unreached) print(`  NEVER REACHED ${cell}`);
    for (const [wording, count] of findings.counts()) print(`  FAULT × ${count} ${wording}`);
    print(`  ${findings.all.length === 0 && unreached.length === 0 ? 'held' : 'FAILED'}`);
    return { inputs: done, inputsPerSecond, findings: findings.all, unreached };
  } finally {
    clearInterval(progress);
    await attack.close();
  }
}

/** What the fuzzer itself does not expect is a fault of that input too. */
async function judged(attack: Attack, input: Input, index: number): Promise<Verdict> {
  try {
    return await attack.run(input, index);
  } catch (error) {
    return { cells: [], faults: [{ kind: 'improper-answer', message: `the fuzzer: ${(error as Error).stack}` }] };
  }
}

const progressLine = ({ name }: Target, done: number, seconds: number, faults: number): string =>
  `${name}: ${done} inputs, ${(done / seconds).toFixed(1)} per second, ${faults} faults`;

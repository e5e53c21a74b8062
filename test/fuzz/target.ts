/** What a target of the fuzzer is: a node under attack, and how an input is made, given to it and judged. */
import type { Cell, WantedCell } from './coverage.ts';
import type { Dice } from './dice.ts';

export type Fault = {
  readonly kind: 'crash' | 'hang' | 'improper-answer' | 'memory' | 'lost' | 'good-study';
  readonly message: string;
};

/** One input: the bytes that are kept when it fails, and what was done to them. */
export type Input = { readonly bytes: Buffer; readonly about: string };
export type Verdict = { readonly cells: readonly Cell[]; readonly faults: readonly Fault[] };

/** A running node. */
export type Attack<I extends Input = Input> = {
  /** Inputs before this index are the corpus as it is. */
  readonly corpusSize: number;
  /** Inputs under way at once. */
  readonly concurrency: number;
  readonly wanted: readonly WantedCell[];
  /** A function of dice and index alone. */
  make(dice: Dice, index: number): I;
  /** Gives it to the node and judges the answer. */
  run(input: I, index: number): Promise<Verdict>;
  /** Whether the node is alive, in bounds, and still does its work; what is wrong otherwise. */
  check(): Promise<readonly Fault[]>;
  /** Figures for the end of the report. */
  figures(): readonly string[];
  close(): Promise<void>;
};

export type Target = { readonly name: string; readonly checkEvery: number; open(): Promise<Attack> };

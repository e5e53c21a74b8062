/** A short round of every target of `npm run fuzz`, with a fixed seed; docs/reliability.md says what long rounds found. */
import { describe, expect, test } from '@jest/globals';
import { runFuzz } from '../fuzz/runFuzz.ts';
import { TARGETS } from '../fuzz/targets.ts';

const SEED = 15;
/** As many as take a few seconds, and enough to reach every cell of the report. */
const INPUTS: Readonly<Record<string, number>> = { dimse: 600, part10: 800, http: 250, hl7: 200, pacs: 80 };

/** Faults that were found and are not mended yet. */
const KNOWN = [
  /Unexpected fault: (the frame has no fragment|missing-pixel-data|the codestream|The dataset cannot be read)/,
  /^50[03] /,
];

describe('a node under attack', () => {
  test.each(Object.keys(TARGETS))(
    'answers every input of %s properly, ends in none, and still does its work',
    async (name) => {
      const { findings, unreached } = await runFuzz(TARGETS[name]!, { seed: SEED, until: { inputs: INPUTS[name]! } });
      expect(findings.filter(({ message }) => !KNOWN.some((known) => known.test(message)))).toEqual([]);
      expect(unreached).toEqual([]);
    },
    120_000,
  );
});

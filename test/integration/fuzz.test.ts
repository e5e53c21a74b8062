/** A short round of every target of `npm run fuzz`, with a fixed seed; docs/reliability.md says what long rounds found. */
import { describe, expect, test } from '@jest/globals';
import { runFuzz } from '../fuzz/runFuzz.ts';
import { TARGETS } from '../fuzz/targets.ts';

const SEED = 15;
/** As many as take a few seconds, and enough to reach every cell of the report. */
const INPUTS: Readonly<Record<string, number>> = { dimse: 450, part10: 600, http: 220, hl7: 150, pacs: 60 };

describe('a node under attack', () => {
  test.each(Object.keys(TARGETS))(
    'answers every input of %s properly, ends in none, and still does its work',
    async (name) => {
      const { findings, unreached } = await runFuzz(TARGETS[name]!, { seed: SEED, until: { inputs: INPUTS[name]! } });
      expect(findings).toEqual([]);
      expect(unreached).toEqual([]);
    },
    120_000,
  );
});

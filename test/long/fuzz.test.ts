/** Two minutes of every target of `npm run fuzz`, with a seed of the day; a fault names the seed. */
import { expect, test } from '@jest/globals';
import { runFuzz } from '../fuzz/runFuzz.ts';
import { TARGETS } from '../fuzz/targets.ts';

const seed = Number(new Date().toISOString().slice(0, 10).replaceAll('-', ''));

test.each(Object.keys(TARGETS))(
  'a node answers whatever %s makes of the seed of the day',
  async (name) => {
    const { findings } = await runFuzz(TARGETS[name]!, { seed, until: { minutes: 2 } });
    expect({ seed, findings }).toEqual({ seed, findings: [] });
  },
  600_000,
);

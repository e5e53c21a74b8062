/** Rounds of chaos with a fixed seed; `npm run chaos` makes longer ones (docs/reliability.md). */
import { expect, test } from '@jest/globals';
import { runChaos } from '../chaos/runChaos.ts';

const SEED = 20_261_123;
const ROUNDS = [
  { on: 'Redis and PostgreSQL', external: true, kills: 30 },
  { on: 'the embedded database', external: false, kills: 10 },
];

test.each(ROUNDS)(
  '$kills kills, pauses and cuts on $on lose no acknowledged byte, and every study has one result and one report for each revision',
  async ({ external, kills }) => {
    const said: string[] = [];
    const report = await runChaos({
      seed: SEED,
      kills,
      minutes: 20,
      external,
      print: (line) => said.push(line),
    });
    expect([report.findings, report.findings.length > 0 ? said : []]).toEqual([[], []]);
    expect(report.studies).toBeGreaterThan(2);
    expect(report.acknowledged).toBeGreaterThan(0);
  },
  1_800_000,
);

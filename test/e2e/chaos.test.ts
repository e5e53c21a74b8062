/** A short round of chaos with a fixed seed on Redis and PostgreSQL; `npm run chaos` makes long ones (docs/reliability.md). */
import { expect, test } from '@jest/globals';
import { runChaos } from '../chaos/runChaos.ts';

const [SEED, KILLS] = [20_261_123, 6];

test('kills, pauses and cuts lose no acknowledged byte, and every study has one result and one report for each revision', async () => {
  const said: string[] = [];
  const report = await runChaos({
    seed: SEED,
    kills: KILLS,
    minutes: 5,
    external: true,
    print: (line) => said.push(line),
  });
  expect([report.findings, report.findings.length > 0 ? said : []]).toEqual([[], []]);
  expect(report.studies).toBeGreaterThan(2);
  expect(report.acknowledged).toBeGreaterThan(0);
}, 600_000);

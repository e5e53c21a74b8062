/** `npm run chaos [embedded] [--kills N] [--minutes N] [--seed S]`: see docs/reliability.md. */
import { commandLine } from '../support/commandLine.ts';
import { type ChaosReport, runChaos } from './runChaos.ts';

const { names, numbers, problem } = commandLine(process.argv.slice(2), process.env, ['kills', 'minutes', 'seed']);
const unknown = names.filter((name) => name !== 'embedded');
if (problem !== null || unknown.length > 0) {
  console.error(
    `chaos: ${problem ?? `what is ${unknown.join(', ')}`}; npm run chaos -- [embedded] [--kills N] [--minutes N] [--seed S]`,
  );
  process.exit(2);
}
const { seed = Math.floor(Date.now() / 1000) % 1_000_000, minutes = Number.POSITIVE_INFINITY } = numbers;
const { kills = numbers.minutes === undefined ? 20 : Number.POSITIVE_INFINITY } = numbers;
const external = !names.includes('embedded');
console.log(`chaos on ${external ? 'Redis and PostgreSQL' : 'the embedded database'}: seed ${seed}`);
const clock = (): string => new Date().toISOString().slice(11, 19);
const report = await runChaos({ seed, kills, minutes, external, print: (line) => console.log(`${clock()}  ${line}`) });
print(report);
process.exit(report.findings.length > 0 ? 1 : 0);

function print({ findings, disturbances, ...counts }: ChaosReport): void {
  const row = (name: string, value: unknown): void => console.log(`  ${name.padEnd(28)} ${String(value).padStart(6)}`);
  console.log('\ndisturbances');
  for (const [name, count] of [...disturbances].sort()) row(name, count);
  console.log('studies');
  row('sent', counts.studies);
  row('of them left broken off', counts.brokenOff);
  row('instances acknowledged', counts.acknowledged);
  for (const [state, count] of Object.entries(counts.states)) row(state, count);
  row('revisions, one report each', counts.revisions);
  row('seconds', counts.seconds);
  console.log(
    findings.length === 0
      ? 'nothing is missing, altered, doubled or invented'
      : `\n${findings.length} findings (seed ${seed})`,
  );
  for (const finding of findings) console.log(`- ${finding}`);
}

/** `npm run fuzz [dimse|part10|http|hl7|pacs] [--minutes N] [--seed S] [--only INDEX]`: see docs/reliability.md. */
import { commandLine } from '../support/commandLine.ts';
import { runFuzz } from './runFuzz.ts';
import { TARGETS } from './targets.ts';

const { names, numbers, problem } = commandLine(process.argv.slice(2), process.env, ['minutes', 'seed', 'only']);
const unknown = names.filter((name) => TARGETS[name] === undefined);
if (problem !== null || unknown.length > 0) {
  console.error(
    `fuzz: ${problem ?? `no target ${unknown.join(', ')}`}; npm run fuzz -- [${Object.keys(TARGETS).join('|')}] [--minutes N] [--seed S] [--only INDEX]`,
  );
  process.exit(2);
}
const { minutes = 1, seed = Math.floor(Date.now() / 1000) % 1_000_000, only } = numbers;
const until = only === undefined ? { minutes } : { only };
let failed = false;
for (const name of names.length > 0 ? names : Object.keys(TARGETS)) {
  console.log(`fuzz ${name}: seed ${seed}, ${only === undefined ? `${minutes} minutes` : `input ${only} only`}`);
  const { findings, unreached } = await runFuzz(TARGETS[name]!, { seed, until, print: console.log });
  failed ||= findings.length > 0 || unreached.length > 0;
}
process.exit(failed ? 1 : 0);

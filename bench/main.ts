/**
 * `npm run bench [receive|triage|latency|worklist|start|phantoms]`: ratios against a peer or a floor measured in the same run.
 * The machines are shared and noisy: quote ratios and medians.
 */
import { measureLatency } from './latency.ts';
import { printPhantoms } from './phantoms.ts';
import { printReceive } from './receive.ts';
import { printStart } from './start.ts';
import { printTriage } from './triage.ts';
import { printWorklist } from './worklist.ts';

const SECTIONS: Readonly<Record<string, () => Promise<void>>> = {
  receive: printReceive,
  triage: printTriage,
  latency: printLatency,
  worklist: printWorklist,
  start: printStart,
};
/** Only when asked for: they judge a bundle, and take minutes. */
const JUDGEMENTS: Readonly<Record<string, () => Promise<void>>> = { phantoms: printPhantoms };

const chosen = process.argv.slice(2);
const known = { ...SECTIONS, ...JUDGEMENTS };
const unknown = chosen.filter((name) => known[name] === undefined);
if (unknown.length > 0) {
  console.error(`bench: no section ${unknown.join(', ')}; there are ${Object.keys(known).join(', ')}`);
  process.exit(2);
}
for (const name of chosen.length > 0 ? chosen : Object.keys(SECTIONS)) await known[name]!();

async function printLatency(): Promise<void> {
  const rows = await measureLatency();
  const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
  console.log(
    '\nLast instance to result, minus the quiet period (one process, 35 slices of 512 x 512, storescp as PACS)',
  );
  for (const row of rows)
    console.log(
      `  study ${row.study}   flag ${(row.toFlagMs / 1000).toFixed(2)} s   report in the PACS ${(row.toReportMs / 1000).toFixed(2)} s`,
    );
  console.log(
    `  median    flag ${(median(rows.map((r) => r.toFlagMs)) / 1000).toFixed(2)} s   report in the PACS ${(median(rows.map((r) => r.toReportMs)) / 1000).toFixed(2)} s`,
  );
}

/** `node importProbe.mjs FILE…` imports the files one after the other and prints, as JSON, what each did to the process: { file: ["what", …] }. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import tls from 'node:tls';
import { pathToFileURL } from 'node:url';

const CONSOLE = ['debug', 'dir', 'error', 'info', 'log', 'trace', 'warn'];
const former = Object.fromEntries(CONSOLE.map((method) => [method, console[method]]));
const { DEFAULT_CIPHERS, DEFAULT_MIN_VERSION } = tls;
/** The two are opened by whoever looks at them first, to see whether they are a terminal. */
void [process.stdout, process.stderr];
/** The library's own register. Loading it does nothing else; that the metrics of one package are not in it is what counts. */
const { register } = createRequire(join(process.cwd(), 'packages', 'telemetry', 'src', 'metrics.ts'))('prom-client');

/** Whatever of this there is more of after an import is an effect of it. */
function traces() {
  const counts = new Map();
  const count = (what) => counts.set(what, (counts.get(what) ?? 0) + 1);
  for (const resource of process.getActiveResourcesInfo()) count(`open: ${resource}`);
  for (const event of process.eventNames())
    for (let left = process.listenerCount(event); left > 0; left -= 1) count(`listener: ${String(event)}`);
  for (const method of CONSOLE) if (console[method] !== former[method]) count(`replaced: console.${method}`);
  if (tls.DEFAULT_CIPHERS !== DEFAULT_CIPHERS || tls.DEFAULT_MIN_VERSION !== DEFAULT_MIN_VERSION)
    count('replaced: defaults of tls');
  for (const key of Reflect.ownKeys(globalThis)) count(`global: ${String(key)}`);
  for (const name of Object.keys(process.env)) count(`environment: ${name}`);
  for (const { name } of register.getMetricsAsArray()) count(`metric: ${name}`);
  count(`title: ${process.title}`);
  return counts;
}

/** What a timer of the loader itself leaves is gone by then. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

const effects = {};
await settle();
let before = traces();
for (const file of process.argv.slice(2)) {
  await import(pathToFileURL(file).href);
  await settle();
  const after = traces();
  const more = [...after].filter(([what, times]) => times > (before.get(what) ?? 0)).map(([what]) => what);
  if (more.length > 0) effects[file] = more;
  before = after;
}
process.stdout.write(JSON.stringify(effects), () => process.exit());

/** `http`: hostile requests of people and programs who are signed in, over every route of a worklist process. */
import { join } from 'node:path';
import { ERRORS } from '@ichor/shared/errors';
import { openDatabase } from '@ichor/store/postgres/database';
import { freePort, untilReady } from '../../support/ichor.ts';
import { silentLog, startPostgres } from '../../support/postgres.ts';
import { openWorkFolder } from '../../support/workFolder.ts';
import { makeCorpus } from '../corpus/instances.ts';
import type { Dice } from '../dice.ts';
import { ask, type HttpAnswer } from '../http/ask.ts';
import { hostileRequest, type Known, soundRequest, written } from '../http/requests.ts';
import { type Route, routesOf } from '../http/routes.ts';
import { DAMAGED_SLICES, fillWorklist, GOOD_STUDY, STUDIES } from '../http/worklistRows.ts';
import { type IchorNode, memoryFault, startNode } from '../ichorNode.ts';
import { mebibytes } from '../processMemory.ts';
import type { Attack, Fault, Input, Target } from '../target.ts';

const CLIENTS = 4;
const MOST_GROWTH_BYTES = 300_000_000;

/** Guessed passwords, and pictures that the worklist here does not have. */
const NEVER_GRANTED = /^\/(sign-in|account\/password)$|heatmaps/;

type HttpInput = Input & { readonly route: Route; readonly sound: boolean };
type Parts = {
  readonly node: IchorNode;
  readonly port: number;
  readonly routes: readonly Route[];
  readonly known: Known;
  renew(): Promise<void>;
};

export const http: Target = {
  name: 'http',
  checkEvery: 1_000,
  async open() {
    const [folder, postgres, port] = [await openWorkFolder('fuzz-http'), await startPostgres(), await freePort()];
    const data = join(folder.path, 'data');
    const database = await openDatabase({ databaseUrl: postgres.url, dataDir: data }, silentLog);
    const { images } = await makeCorpus(join(folder.path, 'study'));
    const filled = await fillWorklist(database, data, images);
    const routes = await routesOf(database);
    const env = {
      ICHOR_DATA_DIR: data,
      ICHOR_DATABASE_URL: postgres.url,
      ICHOR_HTTP_PORT: String(port),
      ICHOR_DISK_FLOOR_BYTES: '0',
      ICHOR_SLICE_DECODE_TIMEOUT_MS: '1000',
      ICHOR_LOG_LEVEL: 'warn',
    };
    const node = await startNode('worklist', env, () => untilReady(port));
    let session = await filled.openSession();
    const renew = async (): Promise<void> => {
      session = await filled.openSession();
    };
    const known: Known = {
      host: `127.0.0.1:${port}`,
      studies: STUDIES,
      slices: DAMAGED_SLICES,
      token: filled.token,
      session: () => session,
    };
    return attackOf({ node, port, routes, known, renew }, async () => {
      await node.stop();
      await database.close();
      await postgres.stop();
      await folder.remove();
    });
  },
};

function attackOf({ node, port, routes, known, renew }: Parts, close: () => Promise<void>): Attack<HttpInput> {
  let [usual, most] = [0, 0];
  let good: string | null = null;
  return {
    corpusSize: routes.length,
    concurrency: CLIENTS,
    wanted: routes.map((route) => ({
      row: rowOf(route),
      outcome: NEVER_GRANTED.test(route.path) ? /^[234]/ : /^[23]/,
    })),
    make: (dice, index) => inputOf(routes, known, dice, index),
    async run({ bytes, route, sound }) {
      const answer = await ask(port, bytes, sound);
      return { cells: [{ row: rowOf(route), outcome: outcomeOf(answer) }], faults: faultsOf(answer, route.path) };
    },
    async check() {
      const faults: Fault[] = [...(await node.faults())];
      const answer = await ask(port, written(goodRequest(known)), true);
      const view = answer.body.toString();
      good ??= view;
      if (answer.status !== 200 || view !== good)
        faults.push({ kind: 'good-study', message: `a study is shown as ${answer.status} ${view.slice(0, 300)}` });
      await renew();
      const { now, peak } = node.memory();
      if (usual === 0) usual = now;
      most = Math.max(most, peak);
      return [...faults, ...memoryFault(now, usual, MOST_GROWTH_BYTES)];
    },
    figures: () => [
      `memory of the worklist ${mebibytes(usual)} at first, ${mebibytes(most)} at most`,
      `${routes.length} routes`,
    ],
    close,
  };
}

function inputOf(routes: readonly Route[], known: Known, dice: Dice, index: number): HttpInput {
  if (index < routes.length) {
    const route = routes[index]!;
    return {
      bytes: written(soundRequest(route, { ...known, studies: [GOOD_STUDY] }, dice)),
      about: `${rowOf(route)}, as it is`,
      route,
      sound: true,
    };
  }
  const route = dice.pick(routes.filter(({ path }) => !path.startsWith('/assets/') || dice.chance(0.05)));
  return { bytes: hostileRequest(route, known, dice), about: rowOf(route), route, sound: false };
}

/** The files of the page are one row. */
const rowOf = ({ method, path }: Route): string => `${method.padEnd(4)} ${path.replace(/^\/assets\/.*/, '/assets/*')}`;
const outcomeOf = ({ status, late }: HttpAnswer): string => (late ? 'hang' : status === 0 ? 'closed' : String(status));
const goodRequest = ({ host, token }: Known) => ({
  method: 'GET',
  target: `/api/studies/${GOOD_STUDY}`,
  headers: [
    ['host', host],
    ['connection', 'close'],
    ['authorization', `Bearer ${token}`],
  ] as const,
  body: null,
});

/** The database is there, so nothing may say that it is not; only whoever asks for more pictures than are decoded at once may be told to wait. */
function faultsOf({ status, headers, body, late }: HttpAnswer, asked: string): Fault[] {
  if (late) return [{ kind: 'hang', message: 'neither an answer nor an end' }];
  const text = body.toString().slice(0, 300);
  const busy = status === 503 && (body.length === 0 || codeIn(body) === 'DECODER_BUSY') && /\bslices\b/.test(asked);
  if (status >= 500 && !busy && !isStatusOfProtocol(status))
    return [{ kind: 'improper-answer', message: `${status} ${text}` }];
  if (status < 400 || !/content-type: application\/json/i.test(headers) || body.length === 0) return [];
  const code = codeIn(body);
  if (code === null || code === 'INTERNAL' || /Unexpected fault/.test(text))
    return [{ kind: 'improper-answer', message: `${status} without a code of ours: ${text}` }];
  return [];
}

/** Not implemented, and an HTTP version that is not spoken: the client's fault (RFC 9110 §15.6). */
const isStatusOfProtocol = (status: number): boolean => status === 501 || status === 505;

/** Chunks are not joined: the code stands at the begin of the first. Node itself answers what is no HTTP. */
function codeIn(body: Buffer): string | null {
  const text = body.toString();
  const code = /"code":"([A-Z_]+)"/.exec(text)?.[1];
  if (code !== undefined && code in ERRORS) return code;
  return text.includes('"statusCode":4') ? 'CLIENT_ERROR' : null;
}

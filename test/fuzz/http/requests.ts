/** Requests to one route: what a page or program sends, and changes of it that know HTTP, paths, queries and JSON. */
import type { Dice } from '../dice.ts';
import { mutateBytes } from '../mutate/bytes.ts';
import { HOSTILE_TEXTS, hostileText } from '../mutate/hostileText.ts';
import { hostileJson } from './hostileJson.ts';
import type { Route } from './routes.ts';

/** What the worklist holds, for requests that find something. */
export type Known = {
  readonly host: string;
  readonly studies: readonly string[];
  /** How many slices each of them has. */
  readonly slices: number;
  readonly token: string;
  /** Cookie of a person who is signed in; another one after a sign-out. */
  session(): string;
};

export type Request = {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer | null;
};

const BODIES: Readonly<Record<string, readonly (readonly [type: string, body: string])[]>> = {
  '/api/studies/:uid/feedback': [
    ['application/json', '{"finding":"any","verdict":"agree","comment":""}'],
    ['application/json', '{"finding":"subdural","verdict":"unsure"}'],
  ],
  '/api/studies/:uid/resend': [['application/json', '{}']],
  '/api/notifications/resend': [
    ['application/json', '{"id":null}'],
    ['application/json', '{"kind":"hl7","destination":"ris:2575"}'],
  ],
  '/sign-in': [['application/x-www-form-urlencoded', 'name=nobody&password=wrong+horse&to=%2F']],
  '/account/password': [['application/x-www-form-urlencoded', 'current=a&next=b&again=c']],
};
const QUERY = [
  'state=flagged',
  'state=flagged,failed&limit=2',
  'limit=500',
  'accessionNumber=A1',
  'finding=subdural',
  'search=Doe',
  'withinHours=24',
  'code=UID_INVALID&before=10',
  'window=bone',
  'from=2026-01-01&to=2026-01-31',
  'to=/studies/1',
  'kind=hl7&state=dead',
];
const NAMES = [
  'state',
  'limit',
  'accessionNumber',
  'finding',
  'search',
  'withinHours',
  'cursor',
  'studyInstanceUid',
  'code',
  'before',
  'window',
  'from',
  'to',
  'kind',
  'actor',
  '__proto__',
  'constructor',
  'x',
];
const HEADERS = [
  'accept',
  'authorization',
  'content-encoding',
  'content-type',
  'cookie',
  'expect',
  'host',
  'if-none-match',
  'if-modified-since',
  'last-event-id',
  'origin',
  'range',
  'referer',
  'sec-fetch-site',
  'transfer-encoding',
  'upgrade',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-http-method-override',
  'connection',
  'content-length',
];

/** As it should be. */
export function soundRequest({ method, path }: Route, known: Known, dice: Dice): Request {
  const [type, body] = method === 'POST' ? dice.pick(BODIES[path] ?? [['', '']]) : ['', ''];
  const values: Readonly<Record<string, string>> = {
    uid: dice.pick(known.studies),
    name: `${dice.whole(1, known.slices)}.png`,
  };
  const target = path.replaceAll(/:(\w+)/g, (_all, name: string) => values[name] ?? 'x');
  const person = path === '/account/password' || dice.chance(0.15);
  const identity: [string, string] = person
    ? ['cookie', `ichor_session=${known.session()}`]
    : ['authorization', `Bearer ${known.token}`];
  return {
    method,
    target,
    headers: [
      ['host', known.host],
      ['connection', 'close'],
      ['origin', `http://${known.host}`],
      identity,
      ...(type === '' ? [] : [['content-type', type] as const]),
    ],
    body: method === 'POST' ? Buffer.from(body) : null,
  };
}

/** One to a few changes. */
export function hostileRequest(route: Route, known: Known, dice: Dice): Buffer {
  let request = soundRequest(route, known, dice);
  for (let times = dice.few(4); times > 0; times--) request = dice.pick(CHANGES)(request, route, dice);
  const bytes = written(request);
  return dice.chance(0.08) ? mutateBytes(bytes, dice, 600) : bytes;
}

export function written({ method, target, headers, body }: Request): Buffer {
  const headerNames = new Set(headers.map(([name]) => name));
  const length =
    body === null || headerNames.has('content-length') || headerNames.has('transfer-encoding')
      ? []
      : [['content-length', String(body.length)]];
  const lines = [...headers, ...length].map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.concat([
    Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines}\r\n`, 'latin1'),
    body ?? Buffer.alloc(0),
  ]);
}

type Change = (request: Request, route: Route, dice: Dice) => Request;
const encoded = (dice: Dice): string => {
  const text = hostileText(dice).slice(0, 3_000);
  if (dice.chance(0.3)) return text.replaceAll(/[\s\0]/g, '');
  return encodeURIComponent(text.toWellFormed()) || '%00';
};
const withQuery = (request: Request, query: string): Request => ({
  ...request,
  target: `${request.target}${request.target.includes('?') ? '&' : '?'}${query}`,
});
const withHeader = (request: Request, name: string, value: string): Request => ({
  ...request,
  headers: [...request.headers.filter(([one]) => one !== name), [name, value]],
});

const CHANGES: readonly Change[] = [
  (request, { path }, dice) => ({ ...request, target: path.replaceAll(/:(\w+)/g, () => encoded(dice)) }),
  (request, _route, dice) => withQuery(request, dice.pick(QUERY)),
  (request, _route, dice) => withQuery(request, `${dice.pick(NAMES)}=${encoded(dice)}`),
  (request, _route, dice) =>
    withQuery(request, `${dice.pick(NAMES)}[${dice.pick(NAMES)}]=${encoded(dice)}&${dice.pick(NAMES)}`),
  (request, _route, dice) => withHeader(request, dice.pick(HEADERS), headerValue(dice)),
  (request, _route, dice) => ({
    ...request,
    headers: request.headers.flatMap((header) => (dice.chance(0.3) ? [header, header] : [header])),
  }),
  (request, _route, dice) => ({ ...request, headers: request.headers.filter(() => dice.chance(0.7)) }),
  (request, _route, dice) => ({
    ...request,
    method: dice.pick(['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'CONNECT', 'QUERY', 'get', 'XYZ']),
  }),
  (request, _route, dice) => ({ ...request, body: Buffer.from(hostileJson(dice, request.body?.toString() ?? '')) }),
  (request, _route, dice) =>
    withHeader(
      { ...request, body: Buffer.from(hostileJson(dice, request.body?.toString() ?? '')) },
      'content-type',
      'application/json',
    ),
  (request, _route, dice) =>
    withHeader(
      {
        ...request,
        body: Buffer.from(
          Array.from(
            { length: dice.few(20) },
            () => `${dice.pick([...NAMES, 'name', 'password'])}=${encoded(dice)}`,
          ).join('&'),
        ),
      },
      'content-type',
      'application/x-www-form-urlencoded',
    ),
  (request, _route, dice) => ({ ...request, body: dice.bytes(dice.few(2_000)) }),
  (request, _route, dice) => ({ ...request, body: request.body && mutateBytes(request.body, dice) }),
  (request, _route, dice) => ({
    ...request,
    target: `${dice.pick(['/', '//', '/..', '/%2e%2e/', '/%00', '/a/../../', 'http://x/'])}${request.target.slice(1)}`,
  }),
  (request, _route, dice) =>
    withHeader({ ...request, body: Buffer.from(dice.pick(CHUNKED)) }, 'transfer-encoding', 'chunked'),
];

const CHUNKED = ['2\r\n[]\r\n0\r\n\r\n', 'ffffffff\r\n{', 'x\r\n', '1\r\n{\r\n', '0\r\n\r\nGET / HTTP/1.1\r\n\r\n'];

function headerValue(dice: Dice): string {
  const text = dice.chance(0.5)
    ? dice.pick(HOSTILE_TEXTS)
    : dice.pick([
        '*',
        'W/"a", "b"',
        'bytes=0-',
        '-1',
        '99999999',
        'text/html',
        'application/json; charset=utf-7',
        'gzip',
        'websocket',
        'Bearer ',
        'Basic Og==',
        'ichor_session=',
        '127.0.0.1',
        'same-origin',
        'null',
        '100-continue',
        '__proto__=1',
      ]);
  return Buffer.from(text)
    .toString('latin1')
    .repeat(dice.chance(0.05) ? dice.few(30_000) : 1)
    .replaceAll(/[\r\n]/g, dice.chance(0.2) ? '\n' : ' ');
}

/**
 * The configuration: environment variables in, one frozen object and every problem at once out (DESIGN §3).
 * Pure: only a `main.ts` touches `process.env`. The table below is also what `ichor doctor` and the docs print.
 */
import { resolve } from 'node:path';
import { IchorError } from '@ichor/shared/errors';
import { z } from 'zod';
import { type Destination, parseCallers, parseDestinations } from './aeTitles.ts';
import { type Hl7Destination, parseHl7Destinations, parseWebhooks, type Webhook } from './notificationSettings.ts';
import { isLoopback, parseCollector, parseOidcRoles, type Role, type SyslogCollector } from './signInSettings.ts';

const integer = (fallback: number, minimum: number, maximum: number) =>
  z
    .string()
    .default(String(fallback))
    .transform((text, context) => {
      const value = Number(text);
      if (Number.isInteger(value) && value >= minimum && value <= maximum) return value;
      context.addIssue(`must be a whole number from ${minimum} to ${maximum}, not "${text}"`);
      return z.NEVER;
    });
const choice = <const T extends readonly [string, ...string[]]>(values: T, fallback: T[number]) =>
  z.enum(values, `must be one of ${values.join(', ')}`).default(fallback as never);
const list = (fallback: string) =>
  z
    .string()
    .default(fallback)
    .transform((text) =>
      text
        .split(',')
        .map((item) => item.trim())
        .filter(Boolean),
    );
const parsed = <T>(parse: (text: string) => T) =>
  z
    .string()
    .default('')
    .transform((text, context): T => {
      try {
        return parse(text);
      } catch (error) {
        context.addIssue((error as Error).message);
        return z.NEVER;
      }
    });
const url = (schemes: readonly string[]) =>
  z
    .string()
    .optional()
    .refine(
      (text) => text === undefined || schemes.some((scheme) => text.startsWith(`${scheme}://`)),
      `must start with ${schemes.map((s) => `${s}://`).join(' or ')}`,
    );
const origin = z
  .string()
  .optional()
  .transform((text, context) => {
    const parsedUrl = text === undefined ? null : URL.parse(text);
    if (
      text === undefined ||
      parsedUrl === null ||
      !/^https?:$/.test(parsedUrl.protocol) ||
      parsedUrl.pathname !== '/'
    ) {
      if (text !== undefined)
        context.addIssue(`must be https://host[:port] or http://host[:port] without a path, not "${text}"`);
      return null;
    }
    return parsedUrl.origin;
  });
const aeTitle = z
  .string()
  .regex(/^(?! +$)[\x20-\x5b\x5d-\x7e]{1,16}$/, 'must be 1 to 16 printable characters without backslash (PS3.5 §6.2)');

/** Every variable, its meaning for `ichor doctor`, and how it is read. */
export const SETTINGS = {
  ICHOR_DATA_DIR: {
    about: 'spool, derived objects, embedded database, logs',
    schema: z
      .string()
      .default('./data')
      .transform((path) => resolve(path)),
  },
  ICHOR_AE_TITLE: {
    about: 'our AE title; an association called otherwise is rejected',
    schema: aeTitle.default('ICHOR'),
  },
  ICHOR_BIND: { about: 'address that the DICOM and HTTP ports bind to', schema: z.string().default('127.0.0.1') },
  ICHOR_DICOM_PORT: { about: 'DICOM port', schema: integer(11112, 0, 65535) },
  ICHOR_HTTP_PORT: { about: 'HTTP port', schema: integer(8080, 0, 65535) },
  ICHOR_CALLERS: {
    about: 'allowed calling AE titles, AET[@address],…; empty allows any',
    schema: parsed(parseCallers),
  },
  ICHOR_DESTINATIONS: {
    about: 'where SR and SC go, AET@host:port[?sr=…&title=…&heatmaps=…&commitment=…&tls=…],…',
    schema: parsed(parseDestinations),
  },
  ICHOR_DATABASE_URL: {
    about: 'PostgreSQL; unset: an embedded one under the data folder',
    schema: url(['postgres', 'postgresql']),
  },
  ICHOR_QUEUE_URL: {
    about: 'Redis or PostgreSQL for the queues; unset: the database',
    schema: url(['redis', 'rediss', 'postgres', 'postgresql']),
  },
  ICHOR_QUIET_PERIOD_MS: {
    about: 'a series is complete after this long without a new instance',
    schema: integer(10_000, 0, 86_400_000),
  },
  ICHOR_MAX_AGE_MS: {
    about: 'a study is analysed after this long even if instances still arrive',
    schema: integer(1_800_000, 1_000, 604_800_000),
  },
  ICHOR_PRIORITY_CALLERS: { about: 'calling AE titles whose studies go first (emergency scanners)', schema: list('') },
  ICHOR_OTHER_STORAGE: {
    about: 'other storage SOP classes that a scanner sends along: store or ignore',
    schema: choice(['store', 'ignore'], 'store'),
  },
  ICHOR_MODEL: {
    about: 'model bundle folder',
    schema: z
      .string()
      .default('models/default')
      .transform((path) => resolve(path)),
  },
  ICHOR_THRESHOLDS: { about: 'threshold set of the bundle, or class=value,… that override it', schema: list('') },
  ICHOR_EXECUTION_PROVIDERS: { about: 'onnxruntime execution providers, in order', schema: list('cpu') },
  ICHOR_INFERENCE_THREADS: { about: 'threads of one inference', schema: integer(2, 1, 128) },
  ICHOR_INFERENCE_TIMEOUT_MS: {
    about: 'a study whose analysis takes longer is stopped and tried once more',
    schema: integer(300_000, 1_000, 3_600_000),
  },
  ICHOR_SLICE_DECODE_TIMEOUT_MS: {
    about:
      'computing time that decoding a slice of up to 1024 × 1024 may take, a larger one in proportion more; then it is undecodable',
    schema: integer(10_000, 100, 600_000),
  },
  ICHOR_HEATMAPS: { about: 'write the Grad-CAM series: on or off', schema: choice(['on', 'off'], 'on') },
  ICHOR_WORKER_QUEUES: {
    about: 'what this worker does: triage, delivery, notification',
    schema: list('triage,delivery,notification'),
  },
  ICHOR_DELIVERY_TTL_MS: {
    about: 'how long an unreachable destination is tried',
    schema: integer(86_400_000, 1_000, 2_592_000_000),
  },
  ICHOR_DELIVERY_BACKOFF_MS: {
    about: 'first pause after a failed delivery; it doubles up to 15 minutes',
    schema: integer(5_000, 10, 900_000),
  },
  ICHOR_DELIVERY_TIMEOUT_MS: {
    about: 'a destination that takes longer to answer is hung up on and tried again later',
    schema: integer(120_000, 100, 3_600_000),
  },
  ICHOR_DISK_FLOOR_BYTES: {
    about: 'below this much free space instances are refused with 0xA700',
    schema: integer(1_073_741_824, 0, Number.MAX_SAFE_INTEGER),
  },
  ICHOR_INCIDENT_DAYS: {
    about: 'incidents are removed this many days after they happened last; the newest 100,000 are kept at most',
    schema: integer(90, 1, 3_650),
  },
  ICHOR_MAX_INSTANCE_BYTES: {
    about: 'largest instance accepted',
    schema: integer(1_073_741_824, 1_024, 2_147_483_647),
  },
  ICHOR_MAX_MEMORY_BYTES: {
    about: 'memory of all that is being received at once',
    schema: integer(2_147_483_648, 1_048_576, Number.MAX_SAFE_INTEGER),
  },
  ICHOR_MAX_ASSOCIATIONS: { about: 'associations open at once', schema: integer(100, 1, 10_000) },
  ICHOR_MAX_ASSOCIATIONS_PER_ADDRESS: {
    about: 'associations open at once from one address; a gateway or NAT that brings many scanners needs as many',
    schema: integer(50, 1, 10_000),
  },
  ICHOR_MAX_UNASSOCIATED_PER_ADDRESS: {
    about: 'connections of one address without an association (yet); one more pushes out the oldest of them',
    schema: integer(32, 1, 10_000),
  },
  ICHOR_ARTIM_MS: {
    about: 'a peer must send its A-ASSOCIATE-RQ, and close after our last word, within this time',
    schema: integer(30_000, 100, 600_000),
  },
  ICHOR_IDLE_TIMEOUT_MS: {
    about: 'an association without traffic is aborted after this long',
    schema: integer(60_000, 100, 86_400_000),
  },
  ICHOR_MIN_BYTES_PER_SECOND: {
    about: 'an instance that comes slower, over the idle timeout, is broken off; while memory is short much sooner',
    schema: integer(1_000, 1, 1_000_000_000),
  },
  ICHOR_DICOM_TLS_KEY: { about: 'private key file (PEM): DICOM TLS on the DICOM port', schema: z.string().optional() },
  ICHOR_DICOM_TLS_CERT: { about: 'certificate file (PEM)', schema: z.string().optional() },
  ICHOR_DICOM_TLS_CA: { about: 'CA file (PEM): client certificates are required', schema: z.string().optional() },
  ICHOR_SIGN_IN: {
    about: 'always on: people and programs sign in; only `ichor demo` runs without',
    schema: z
      .literal(
        'on',
        'can only be on: leave it out and make the first user with `npx ichor user add NAME --role administrator`. Only `npm run demo` runs without sign-in',
      )
      .default('on'),
  },
  ICHOR_PUBLIC_URL: {
    about: 'address of the worklist as browsers see it, https://host[:port] behind a TLS proxy',
    schema: origin,
  },
  ICHOR_VIEWER_URL: {
    about:
      'address of the viewer with {studyInstanceUid}, {seriesInstanceUid} and {sopInstanceUid} (both of the report)',
    schema: z
      .string()
      .regex(/^https?:\/\//, 'must start with https:// or http://')
      .nullable()
      .default(null),
  },
  ICHOR_TRUSTED_PROXIES: { about: 'addresses or CIDR of proxies whose X-Forwarded-For counts', schema: list('') },
  ICHOR_SESSION_IDLE_MINUTES: {
    about: 'a person who does nothing this long is signed out',
    schema: integer(60, 1, 1_440),
  },
  ICHOR_SESSION_MAX_MINUTES: { about: 'a person must sign in again after this long', schema: integer(720, 1, 43_200) },
  ICHOR_OIDC_ISSUER: { about: 'OpenID Connect provider: its issuer URL', schema: url(['https', 'http']) },
  ICHOR_OIDC_CLIENT_ID: { about: 'client ID of Ichor at the provider', schema: z.string().optional() },
  ICHOR_OIDC_CLIENT_SECRET: { about: 'client secret of Ichor at the provider', schema: z.string().optional() },
  ICHOR_OIDC_SCOPE: { about: 'scopes asked for', schema: z.string().default('openid profile email') },
  ICHOR_OIDC_ROLE_CLAIM: { about: 'claim of the ID token that names groups', schema: z.string().default('groups') },
  ICHOR_OIDC_ROLES: { about: 'group=role,…: viewer, radiologist or administrator', schema: parsed(parseOidcRoles) },
  ICHOR_AUDIT_SYSLOG: {
    about: 'audit record repository for DICOM audit messages, udp|tcp|tls://host:port',
    schema: parsed(parseCollector),
  },
  ICHOR_HL7_DESTINATIONS: {
    about: 'HL7 v2 receivers of results (MLLP), host:port[?tls=on&ca=…&app=…&facility=…],…',
    schema: parsed(parseHl7Destinations),
  },
  ICHOR_WEBHOOKS: {
    about: 'addresses that get each result as signed JSON, https://…,…',
    schema: parsed(parseWebhooks),
  },
  ICHOR_WEBHOOK_SECRET: {
    about: 'key of Ichor-Signature, at least 16 characters',
    schema: z.string().min(16, 'must have at least 16 characters').optional(),
  },
  ICHOR_MAIL_URL: {
    about: 'mail server for positive studies, smtp[s]://[user:password@]host[:port]',
    schema: url(['smtp', 'smtps']),
  },
  ICHOR_MAIL_FROM: { about: 'sender of mail', schema: z.string().optional() },
  ICHOR_MAIL_TO: { about: 'who gets mail, address,…', schema: list('') },
  ICHOR_NOTIFICATION_TIMEOUT_MS: {
    about: 'an HL7 receiver, webhook or mail server must answer within this time',
    schema: integer(15_000, 100, 120_000),
  },
  ICHOR_LOG_LEVEL: {
    about: 'trace, debug, info, warn, error or silent',
    schema: choice(['trace', 'debug', 'info', 'warn', 'error', 'silent'], 'info'),
  },
} as const;

export type SettingName = keyof typeof SETTINGS;
type Raw = { [Name in SettingName]: z.output<(typeof SETTINGS)[Name]['schema']> };

/** The effective configuration; times in milliseconds, sizes in bytes, paths absolute. */
export type Config = {
  readonly dataDir: string;
  readonly aeTitle: string;
  readonly bind: string;
  readonly dicomPort: number;
  readonly httpPort: number;
  readonly callers: ReturnType<typeof parseCallers>;
  readonly destinations: readonly Destination[];
  readonly databaseUrl: string | null;
  readonly queueUrl: string | null;
  readonly quietPeriodMs: number;
  readonly maxAgeMs: number;
  readonly priorityCallers: readonly string[];
  readonly otherStorage: 'store' | 'ignore';
  readonly modelDir: string;
  readonly thresholds: readonly string[];
  readonly executionProviders: readonly string[];
  readonly inferenceThreads: number;
  readonly inferenceTimeoutMs: number;
  readonly sliceDecodeTimeoutMs: number;
  readonly heatmaps: boolean;
  readonly workerQueues: readonly string[];
  readonly deliveryTtlMs: number;
  readonly deliveryBackoffMs: number;
  readonly deliveryTimeoutMs: number;
  readonly diskFloorBytes: number;
  readonly incidentDays: number;
  readonly maxInstanceBytes: number;
  readonly maxMemoryBytes: number;
  readonly maxAssociations: number;
  readonly maxAssociationsPerAddress: number;
  readonly maxUnassociatedPerAddress: number;
  readonly artimMs: number;
  readonly idleTimeoutMs: number;
  readonly minBytesPerSecond: number;
  readonly tls: { readonly keyPath: string; readonly certPath: string; readonly caPath: string | null } | null;
  /** Always true from the environment; only the demo, which listens on loopback, makes it false. */
  readonly signIn: boolean;
  /** Origin that browsers see, without trailing slash. */
  readonly publicUrl: string | null;
  /** Address template of the hospital's viewer. */
  readonly viewerUrl: string | null;
  readonly trustedProxies: readonly string[];
  readonly sessionIdleMs: number;
  readonly sessionMaxMs: number;
  readonly oidc: OidcSettings | null;
  readonly auditSyslog: SyslogCollector | null;
  readonly hl7Destinations: readonly Hl7Destination[];
  readonly webhooks: readonly Webhook[];
  readonly webhookSecret: string | null;
  readonly mail: MailSettings | null;
  readonly notificationTimeoutMs: number;
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';
};

/** Mail for positive studies, one message per address of `to`. */
export type MailSettings = { readonly url: string; readonly from: string; readonly to: readonly string[] };

/** OpenID Connect; `roles` maps groups of `roleClaim` to roles. */
export type OidcSettings = {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope: string;
  readonly roleClaim: string;
  readonly roles: ReadonlyMap<string, Role>;
};

export type ConfigReport = {
  readonly config: Config | null;
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
};

/** Reads every setting and reports every problem at once. @param env usually `process.env` */
export function readConfig(env: Readonly<Record<string, string | undefined>>): ConfigReport {
  const problems: string[] = [];
  const raw: Record<string, unknown> = {};
  for (const [name, { schema }] of Object.entries(SETTINGS)) {
    const result = (schema as z.ZodType).safeParse(env[name] === '' ? undefined : env[name]);
    if (result.success) raw[name] = result.data;
    else problems.push(...result.error.issues.map((issue) => `${name} ${issue.message}`));
  }
  problems.push(...unknownNames(env), ...tlsProblems(env), ...queueProblems(raw['ICHOR_WORKER_QUEUES']));
  problems.push(...oidcProblems(env), ...notificationProblems(env));
  if (problems.length > 0) return { config: null, problems, warnings: [] };
  const config = toConfig(raw as Raw);
  return { config, problems, warnings: warningsOf(config) };
}

/** The configuration or CONFIG_INVALID naming every problem. */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const { config, problems } = readConfig(env);
  if (config === null) throw new IchorError('CONFIG_INVALID', { problems: problems.join('; ') });
  return config;
}

function toConfig(raw: Raw): Config {
  return Object.freeze({
    dataDir: raw.ICHOR_DATA_DIR,
    aeTitle: raw.ICHOR_AE_TITLE.trim(),
    bind: raw.ICHOR_BIND,
    dicomPort: raw.ICHOR_DICOM_PORT,
    httpPort: raw.ICHOR_HTTP_PORT,
    callers: raw.ICHOR_CALLERS,
    destinations: raw.ICHOR_DESTINATIONS,
    databaseUrl: raw.ICHOR_DATABASE_URL ?? null,
    queueUrl: raw.ICHOR_QUEUE_URL ?? null,
    quietPeriodMs: raw.ICHOR_QUIET_PERIOD_MS,
    maxAgeMs: raw.ICHOR_MAX_AGE_MS,
    priorityCallers: raw.ICHOR_PRIORITY_CALLERS,
    otherStorage: raw.ICHOR_OTHER_STORAGE,
    modelDir: raw.ICHOR_MODEL,
    thresholds: raw.ICHOR_THRESHOLDS,
    executionProviders: raw.ICHOR_EXECUTION_PROVIDERS,
    inferenceThreads: raw.ICHOR_INFERENCE_THREADS,
    inferenceTimeoutMs: raw.ICHOR_INFERENCE_TIMEOUT_MS,
    sliceDecodeTimeoutMs: raw.ICHOR_SLICE_DECODE_TIMEOUT_MS,
    heatmaps: raw.ICHOR_HEATMAPS === 'on',
    workerQueues: raw.ICHOR_WORKER_QUEUES,
    deliveryTtlMs: raw.ICHOR_DELIVERY_TTL_MS,
    deliveryBackoffMs: raw.ICHOR_DELIVERY_BACKOFF_MS,
    deliveryTimeoutMs: raw.ICHOR_DELIVERY_TIMEOUT_MS,
    diskFloorBytes: raw.ICHOR_DISK_FLOOR_BYTES,
    incidentDays: raw.ICHOR_INCIDENT_DAYS,
    maxInstanceBytes: raw.ICHOR_MAX_INSTANCE_BYTES,
    maxMemoryBytes: raw.ICHOR_MAX_MEMORY_BYTES,
    maxAssociations: raw.ICHOR_MAX_ASSOCIATIONS,
    maxAssociationsPerAddress: raw.ICHOR_MAX_ASSOCIATIONS_PER_ADDRESS,
    maxUnassociatedPerAddress: raw.ICHOR_MAX_UNASSOCIATED_PER_ADDRESS,
    artimMs: raw.ICHOR_ARTIM_MS,
    idleTimeoutMs: raw.ICHOR_IDLE_TIMEOUT_MS,
    minBytesPerSecond: raw.ICHOR_MIN_BYTES_PER_SECOND,
    tls:
      raw.ICHOR_DICOM_TLS_KEY === undefined || raw.ICHOR_DICOM_TLS_CERT === undefined
        ? null
        : {
            keyPath: raw.ICHOR_DICOM_TLS_KEY,
            certPath: raw.ICHOR_DICOM_TLS_CERT,
            caPath: raw.ICHOR_DICOM_TLS_CA ?? null,
          },
    signIn: raw.ICHOR_SIGN_IN === 'on',
    publicUrl: raw.ICHOR_PUBLIC_URL,
    viewerUrl: raw.ICHOR_VIEWER_URL,
    trustedProxies: raw.ICHOR_TRUSTED_PROXIES,
    sessionIdleMs: raw.ICHOR_SESSION_IDLE_MINUTES * 60_000,
    sessionMaxMs: raw.ICHOR_SESSION_MAX_MINUTES * 60_000,
    oidc: oidcOf(raw),
    auditSyslog: raw.ICHOR_AUDIT_SYSLOG,
    hl7Destinations: raw.ICHOR_HL7_DESTINATIONS,
    webhooks: raw.ICHOR_WEBHOOKS,
    webhookSecret: raw.ICHOR_WEBHOOK_SECRET ?? null,
    mail:
      raw.ICHOR_MAIL_URL === undefined || raw.ICHOR_MAIL_FROM === undefined
        ? null
        : { url: raw.ICHOR_MAIL_URL, from: raw.ICHOR_MAIL_FROM, to: raw.ICHOR_MAIL_TO },
    notificationTimeoutMs: raw.ICHOR_NOTIFICATION_TIMEOUT_MS,
    logLevel: raw.ICHOR_LOG_LEVEL,
  });
}

function oidcOf(raw: Raw): OidcSettings | null {
  const { ICHOR_OIDC_ISSUER: issuer, ICHOR_OIDC_CLIENT_ID: clientId, ICHOR_OIDC_CLIENT_SECRET: clientSecret } = raw;
  if (issuer === undefined || clientId === undefined || clientSecret === undefined) return null;
  const { ICHOR_OIDC_SCOPE: scope, ICHOR_OIDC_ROLE_CLAIM: roleClaim, ICHOR_OIDC_ROLES: roles } = raw;
  return { issuer, clientId, clientSecret, scope, roleClaim, roles };
}

function unknownNames(env: Readonly<Record<string, string | undefined>>): string[] {
  const known = new Set<string>([...Object.keys(SETTINGS), 'ICHOR_PYTHON', 'ICHOR_SHARED_DATA']);
  return Object.keys(env)
    .filter((name) => name.startsWith('ICHOR_') && !known.has(name))
    .map((name) => `${name} is not a setting of Ichor; see \`ichor doctor\` for the list`);
}

function tlsProblems(env: Readonly<Record<string, string | undefined>>): string[] {
  const { ICHOR_DICOM_TLS_KEY: key, ICHOR_DICOM_TLS_CERT: cert, ICHOR_DICOM_TLS_CA: ca } = env;
  if (Boolean(key) !== Boolean(cert)) return ['ICHOR_DICOM_TLS_KEY and ICHOR_DICOM_TLS_CERT must be set together'];
  return ca && !key ? ['ICHOR_DICOM_TLS_CA needs ICHOR_DICOM_TLS_KEY and ICHOR_DICOM_TLS_CERT'] : [];
}

function oidcProblems(env: Readonly<Record<string, string | undefined>>): string[] {
  const issuer = env['ICHOR_OIDC_ISSUER'];
  const needed = ['ICHOR_OIDC_CLIENT_ID', 'ICHOR_OIDC_CLIENT_SECRET', 'ICHOR_OIDC_ROLES', 'ICHOR_PUBLIC_URL'];
  if (!issuer) {
    const stray = ['ICHOR_OIDC_CLIENT_ID', 'ICHOR_OIDC_CLIENT_SECRET', 'ICHOR_OIDC_ROLES'].filter((name) => env[name]);
    return stray.length > 0 ? [`${stray.join(', ')}: set ICHOR_OIDC_ISSUER too`] : [];
  }
  const problems = needed.filter((name) => !env[name]).map((name) => `ICHOR_OIDC_ISSUER needs ${name}`);
  const address = URL.parse(issuer);
  if (address !== null && address.protocol === 'http:' && !isLoopback(address.hostname))
    problems.push('ICHOR_OIDC_ISSUER must be https, or a provider on this machine');
  return problems;
}

function queueProblems(queues: unknown): string[] {
  if (!Array.isArray(queues)) return [];
  const unknown = queues.filter((queue) => !['triage', 'delivery', 'notification'].includes(queue));
  return unknown.length > 0 || queues.length === 0
    ? ['ICHOR_WORKER_QUEUES must name triage, delivery, notification, or several of them']
    : [];
}

function notificationProblems(env: Readonly<Record<string, string | undefined>>): string[] {
  const problems: string[] = [];
  if (env['ICHOR_WEBHOOKS'] && !env['ICHOR_WEBHOOK_SECRET'])
    problems.push('ICHOR_WEBHOOKS needs ICHOR_WEBHOOK_SECRET: receivers check the signature with it');
  const mail = ['ICHOR_MAIL_URL', 'ICHOR_MAIL_FROM', 'ICHOR_MAIL_TO'];
  const missing = mail.filter((name) => !env[name]);
  if (missing.length > 0 && missing.length < mail.length)
    problems.push(`${mail.join(', ')} must be set together; ${missing.join(', ')} is missing`);
  return problems;
}

function warningsOf(config: Config): string[] {
  const warnings: string[] = [];
  if (config.callers.length === 0) warnings.push('ICHOR_CALLERS is empty: any calling AE title may store');
  if (config.destinations.length === 0) warnings.push('ICHOR_DESTINATIONS is empty: reports and heat maps stay here');
  if (config.tls === null && config.bind !== '127.0.0.1')
    warnings.push('DICOM is not encrypted: set ICHOR_DICOM_TLS_KEY and ICHOR_DICOM_TLS_CERT');
  if (!isLoopback(config.bind) && !config.publicUrl?.startsWith('https:'))
    warnings.push('passwords travel unencrypted: put a TLS proxy before the worklist and set ICHOR_PUBLIC_URL');
  for (const { name, host, tls } of config.hl7Destinations)
    if (!tls && !isLoopback(host))
      warnings.push(`HL7 messages to ${name} carry patient data unencrypted: add ?tls=on where the receiver can`);
  if (config.mail !== null && config.publicUrl === null)
    warnings.push('ICHOR_PUBLIC_URL is not set: mail has no link to the study');
  return warnings;
}
